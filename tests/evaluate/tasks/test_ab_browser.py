"""The page of a blind comparison in a real browser: shown, voted in, saved, and its votes scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.cli import main as cli

pytest.importorskip("fcntl", reason="the browser is driven through pipes as only Unix has them")
from browser import Browser, find_browser

PROGRAM = find_browser()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]
NAMES = ("bird", "cat", "dog", "fox")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of four pairs: red pictures against blue ones, with the photos and a label."""
    folder = tmp_path_factory.mktemp("pairs")
    for system, colour in (("ours", (220, 20, 20)), ("theirs", (20, 20, 220)), ("photos", (90, 90, 90))):
        (folder / system).mkdir()
        for name in NAMES:
            Image.fromarray(np.full((90, 120, 3), colour, np.uint8)).save(folder / system / f"{name}.png")
    (folder / "labels.json").write_text(json.dumps({"bird": "a <b>bird</b> & more"}))
    line = ["eval", "ab", str(folder / "ours"), str(folder / "theirs"), "--photos", str(folder / "photos")]
    assert cli.main([*line, "--labels", str(folder / "labels.json"), "--out", str(folder / "out")]) == 0
    return folder


@pytest.fixture
def browser(made: Path, tmp_path: Path) -> Iterator[Browser]:
    with Browser(str(PROGRAM), tmp_path) as browser:
        browser.open(made / "out" / "page.html")
        yield browser


# The colour in the middle of a shown picture, as the browser drew it.
REDDER = """(() => {
  const image = document.getElementById("%s"), canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage(image, 60, 45, 1, 1, 0, 0, 1, 1);
  const [red, , blue] = context.getImageData(0, 0, 1, 1).data;
  return image.complete && image.naturalWidth === 120 ? (red > blue ? "red" : "blue") : "";
})()"""


def red_side(browser: Browser) -> str:
    """left or right: where the red picture is."""
    for side in ("left", "right"):
        browser.wait(f"{REDDER % side} !== ''")
    shown = {side: browser.value(REDDER % side) for side in ("left", "right")}
    assert sorted(shown.values()) == ["blue", "red"]
    return "left" if shown["left"] == "red" else "right"


def place(browser: Browser) -> str:
    return str(browser.value("document.getElementById('place').textContent"))


def test_votes_become_shares(browser: Browser, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Red is chosen three times, with the mouse and by key, and the last pair is called equal."""
    assert browser.value("document.getElementById('question').textContent").endswith("?")
    assert browser.value("document.getElementById('original').hidden") is False
    assert place(browser) == "pair 1 of 4, 0 votes"
    for number in range(3):
        side = red_side(browser)
        if number == 1:
            browser.press("1" if side == "left" else "2")
        else:
            browser.click(f'button[data-choice="{side}"]')
        assert place(browser) == f"pair {number + 2} of 4, {number + 1} votes"
    browser.reload()
    assert place(browser) == "pair 4 of 4, 3 votes", "votes outlive the page, which opens at the first pair without"
    browser.click('button[data-choice="same"]')
    assert place(browser) == "pair 4 of 4, 4 votes"
    assert browser.value("document.querySelector('.chosen').dataset.choice") == "same"
    key = json.loads((made / "out" / "key.json").read_text("utf-8"))
    browser.click("#save")
    votes = browser.downloaded(f"votes_{key['page']}.csv")
    assert votes.read_text("utf-8").startswith("page,pair,choice\n")
    assert browser.errors == []
    capsys.readouterr()
    assert cli.main(["eval", "ab-score", str(votes), "--key", str(made / "out" / "key.json"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["a"], result["pairs_voted_on"]) == (str(made / "ours"), 4)
    assert {name: result["of_votes"][name] for name in ("a", "b", "same")} == {"a": 3, "b": 0, "same": 1}


def test_a_vote_can_be_changed(browser: Browser, made: Path) -> None:
    browser.press("1")
    browser.press("ArrowLeft")
    assert place(browser) == "pair 1 of 4, 1 votes"
    assert browser.value("document.querySelector('.chosen').dataset.choice") == "left"
    browser.press("2")
    browser.click("#back")
    assert browser.value("document.querySelector('.chosen').dataset.choice") == "right"
    browser.click("#back")
    assert place(browser) == "pair 1 of 4, 1 votes"
    for _ in range(5):
        browser.click("#forward")
    assert place(browser) == "pair 4 of 4, 1 votes"
    labels = []
    for _ in NAMES:
        labels.append(browser.value("document.getElementById('label').textContent"))
        browser.press("ArrowLeft")
    assert sorted(labels)[-1] == "a <b>bird</b> & more", "markup in a label is shown, not obeyed"
    browser.click("#save")
    page = json.loads((made / "out" / "key.json").read_text("utf-8"))["page"]
    assert browser.downloaded(f"votes_{page}.csv").read_text("utf-8") == f"page,pair,choice\n{page},0001,right\n"
    assert browser.errors == []
