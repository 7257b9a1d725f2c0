"""Box layouts that a large language model gives for NSR-1K's prompts: read from LayoutGPT's files, or asked for.

LayoutGPT (Feng et al., NeurIPS 2023) has the model write lines of CSS, ``cat {width: 60px; height: 40px; left: 20px;
top: 90px; }``, on a square canvas, after examples of training prompts with their boxes. The same form is asked for
here; counts of examples and the way to the most alike ones (the text encoder's sentence vectors) are ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.evaluate.tasks.layout.prompts import Drawer, Drawn, Prompt
from smartmask.io.reading import read_json
from smartmask.plan.language.phrases import Request
from smartmask.plan.planners.answers import BadAnswerError
from smartmask.plan.planners.asking import AskingPlanner, Message
from smartmask.plan.planners.interface import PlanState
from smartmask.plan.planners.load import load_planner
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

CANVAS = 256  # pixels a side of the square that the model is told of
EXAMPLES = 8  # training prompts with their boxes that are shown
TOKENS = 1000  # of an answer; an object takes about 30
GIVE_UP = 3  # questions in a row without an answer after which the model is held to be away
_LINE = re.compile(r"^(?P<name>[^{}:\n]+):?[^\S\n]*\{(?P<body>[^{}]*)\}", re.MULTILINE)
_EDGE = re.compile(r"\b(width|height|left|top)\s*:\s*(-?\d+(?:\.\d+)?)")
Example = tuple[str, list[tuple[str, Sequence[float]]]]  # prompt; names with x, y, width, height in shares


# --- files --------------------------------------------------------------------------------------


def read_boxes(path: Path, prompts: Sequence[Prompt]) -> Drawer:
    """The layouts of a file that LayoutGPT's ``run_layoutgpt_2d.py`` wrote, as a system to be judged.

    A JSON list; each entry has ``query_id`` (or ``id``) and ``object_list``, pairs of a name and x0, y0, x1, y1 in
    shares of the picture (or ``text``, the model's own lines). Of several entries of a prompt the figures are
    averaged. A prompt without entry counts as an empty layout; spatial or counting prompts are left out altogether
    where the file holds none of them. ValueError if it is not such a file, or holds none of the prompts.
    """
    entries = read_json(path, "boxes")
    try:
        found: dict[int, list[Drawn]] = {}
        for entry in entries:
            number = int(entry["query_id"] if "query_id" in entry else entry["id"])
            drawn = _pairs(entry["object_list"]) if "object_list" in entry else read_lines(entry["text"])
            found.setdefault(number, []).append(drawn)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{path} is not in LayoutGPT's output format ({error!r}); it is a JSON list of query_id and object_list."
        ) from None
    kinds = {prompt.kind.split(",")[0] for prompt in prompts if prompt.number in found}
    if not kinds:
        raise ValueError(f"{path} holds no layout of these {len(prompts)} prompts; give another file or --split all.")

    def draw(prompt: Prompt, seed: int) -> list[Drawn]:
        nothing: list[Drawn] = [[]] if prompt.kind.split(",")[0] in kinds else []
        return found.get(prompt.number, nothing)

    return draw


def _pairs(rows: Iterable[Any]) -> Drawn:
    """Names and boxes; as in LayoutGPT's evaluation without those that have no name or a box of zeros."""
    drawn: Drawn = []
    for name, box in rows:
        x0, y0, x1, y1 = (float(edge) for edge in box)
        if not all(map(math.isfinite, (x0, y0, x1, y1))):
            raise ValueError(f"the box {box} of '{name}' is not finite")
        plain = "" if name is None else plain_name(str(name))
        if plain and (x0, y0, x1, y1) != (0, 0, 0, 0):
            drawn.append((plain, (x0, y0, x1, y1)))
    return drawn


def plain_name(name: str) -> str:
    """A name without numbers, hyphens (LayoutGPT's for spaces) and article."""
    words = re.sub(r"[\d_\-\"'*•.)]+", " ", name.lower()).split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("a", "an", "the") else words)


def read_lines(text: str, canvas: float = CANVAS) -> Drawn:
    """The objects of lines such as ``cat {width: 60px; height: 40px; left: 20px; top: 90px; }``, boxes in shares.

    Edges beyond the canvas are cut; lines without all four numbers, or wholly outside, are left out.
    """
    drawn: Drawn = []
    for match in _LINE.finditer(text):
        edges = {key: float(value) / canvas for key, value in _EDGE.findall(match["body"])}
        name = plain_name(match["name"])
        if len(edges) < 4 or not name:
            continue
        x0, y0 = max(edges["left"], 0.0), max(edges["top"], 0.0)
        x1, y1 = min(edges["left"] + edges["width"], 1.0), min(edges["top"] + edges["height"], 1.0)
        if x0 < x1 and y0 < y1:
            drawn.append((name, (x0, y0, x1, y1)))
    return drawn


# --- asking --------------------------------------------------------------------------------------


INSTRUCTION = (
    "Given a sentence that will be used to generate an image, plan the layout of the image. Write one line for each "
    "object, in the style of CSS and nothing else: object {{width: ?px; height: ?px; left: ?px; top: ?px; }}. The "
    "image is {0}px wide and {0}px high, and no object may reach beyond it."
)


class LanguageLayouts:
    """A language model behind the planner's interface as a system to be judged.

    examples: {"spatial" or "counting": training prompts with their boxes}. ``unanswered`` counts questions without
    an answer; ``kept`` holds the others in LayoutGPT's output format.
    """

    def __init__(self, model: AskingPlanner, text: TextEncoder, examples: dict[str, list[Example]]) -> None:
        self.model, self.text, self.examples = model, text, examples
        self.model.tokens = TOKENS
        self.vectors = {kind: _sentences(text, [words for words, _ in rows]) for kind, rows in examples.items()}
        self.unanswered, self.missed = 0, 0
        self.kept: list[dict[str, Any]] = []

    def __call__(self, prompt: Prompt, seed: int) -> list[Drawn]:
        """One layout; an empty one where the model gives none. ValueError when it does not answer at all."""
        state = PlanState(Scene.empty(CANVAS, CANVAS), Request(prompt.text, ()))
        try:
            drawn = read_lines(self.model.ask(self.question(prompt), state))
        except (OSError, BadAnswerError) as error:
            self.unanswered, self.missed = self.unanswered + 1, self.missed + 1
            if self.missed == GIVE_UP:
                raise ValueError(f"{error} That was so {GIVE_UP} times; see that the model runs.") from None
            return [[]]
        self.missed = 0
        self.kept.append({"query_id": prompt.number, "iter": 0, "prompt": prompt.text, "object_list": drawn})
        return [drawn]

    def question(self, prompt: Prompt) -> list[Message]:
        """Instruction, the most alike examples (the nearest last), and the prompt."""
        messages: list[Message] = [{"role": "system", "content": INSTRUCTION.format(CANVAS)}]
        kind = prompt.kind.split(",")[0]
        if self.examples.get(kind):
            near = np.argsort(self.vectors[kind] @ _sentences(self.text, [prompt.text])[0])[-EXAMPLES:]
            for words, rows in (self.examples[kind][int(i)] for i in near):
                messages.append({"role": "user", "content": f"Prompt: {words}\nLayout:"})
                messages.append({"role": "assistant", "content": "\n".join(_css(name, box) for name, box in rows)})
        return [*messages, {"role": "user", "content": f"Prompt: {prompt.text}\nLayout:"}]


def ask_language_model(name: str, text: TextEncoder, folder: Path) -> LanguageLayouts:
    """The system of a model: "endpoint:MODEL" or "vision:MODEL"; examples from NSR-1K's training files, where there.

    ValueError for another name, without the endpoint's address, or for a damaged file.
    """
    if not name.startswith(("endpoint:", "vision:")):
        raise ValueError(f"'{name}' is no language model to ask; give endpoint:MODEL or vision:MODEL.")
    model = load_planner(name, text)
    assert isinstance(model, AskingPlanner)
    return LanguageLayouts(model, text, {kind: read_examples(folder, kind) for kind in ("spatial", "counting")})


def read_examples(folder: Path, kind: str) -> list[Example]:
    """Training prompts of one kind with their boxes; none where the folder has no such file."""
    path = Path(folder) / f"{kind}.train.json"
    if not path.is_file():
        return []
    try:
        rows = read_json(path)
        objects = [row["object_list"] if "object_list" in row else [row["obj1"], row["obj2"]] for row in rows]
        return [(str(r["prompt"]), [_measured(*one) for one in o]) for r, o in zip(rows, objects, strict=True)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not in NSR-1K's format ({error!r}); restore it from the data set.") from None


def _measured(name: str, box: Sequence[float]) -> tuple[str, Sequence[float]]:
    x, y, width, height = (float(value) for value in box)
    return str(name), (x, y, width, height)


def _sentences(text: TextEncoder, sentences: Sequence[str]) -> np.ndarray:
    rows = np.stack([text.encode_context(sentence) for sentence in sentences]) if sentences else np.zeros((0, 1))
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _css(name: str, box: Sequence[float]) -> str:
    x, y, wide, high = (round(edge * CANVAS) for edge in box)
    return f"{name} {{width: {wide}px; height: {high}px; left: {x}px; top: {y}px; }}"
