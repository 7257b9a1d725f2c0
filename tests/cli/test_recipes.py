"""Commands in the model cards and guides: each can be typed as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_group

from smartmask.cli.train import RECIPES, app
from smartmask.io.package import WEIGHTS

ROOT = Path(__file__).resolve().parents[2]
CARDS = [WEIGHTS / "small" / "README.md", WEIGHTS / "planner" / "README.md", *sorted((ROOT / "docs").glob("*.md")),
         ROOT / "benchmarks" / "README.md", ROOT / "README.md"]  # fmt: skip
COMMAND = re.compile(r"(?:smartmask|-m smartmask) train ([^`|;\n]+)")


def recipes() -> list[tuple[str, str]]:
    """(file, command after ``smartmask train``): lines of code blocks, and code in sentences that has options."""
    found = []
    for card in CARDS:
        text = card.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
        spans = [span for span in re.findall(r"`([^`\n]+)`", text) if "--" in span]
        for source in (blocks, "\n".join(spans)):
            found += [(card.name, words.strip()) for words in COMMAND.findall(source)]
    return sorted(set(found))


def test_the_cards_have_recipes_for_every_bundled_component() -> None:
    named = {words.split()[0] for _, words in recipes()}
    assert {"text", "chooser", "memory", "place", "bundle", "planner", "stuff", "inpaint", "planner-vision"} <= named
    assert named <= set(get_group(app).commands)


@pytest.mark.parametrize(("card", "words"), recipes())
def test_a_recipe_is_a_command(card: str, words: str) -> None:
    """Its options exist, take these values, and none that is needed is missing."""
    name, *arguments = shlex.split(words, comments=True)
    context = get_group(app).commands[name].make_context(name, arguments)
    given = {key: value for key, value in context.params.items() if value is not None}
    settings = {run.__name__.replace("_", "-"): kind for kind, run in RECIPES}[name]
    given.pop("config", None)  # read by now: what it says stands among the others
    settings.of(**given)


@pytest.mark.parametrize("words", ["chooser --data x", "place --data x --out y --stepz 3", "stuff --data x --out y 7"])
def test_what_is_no_command_is_told(words: str) -> None:
    """So that the test above can fail."""
    name, *arguments = words.split()
    with pytest.raises(Exception, match=r"Missing parameter|No such option|unexpected extra"):
        get_group(app).commands[name].make_context(name, arguments)
