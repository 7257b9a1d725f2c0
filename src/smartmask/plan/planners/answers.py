"""What a language model answers, made into a proposal: validated, repaired where that is safe, never trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from smartmask.io.json_text import parse_json
from smartmask.io.sentences import short_repr
from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Relation
from smartmask.plan.planners.interface import NextObject, PlanState, Region
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder

MAX_ANSWER = 20_000  # characters that are looked at
THINNEST = 0.01  # side of a place, as a share of the picture's
REPEATED = 0.6  # intersection over union from which a place is that of what is there
NO_TEXT = "not described"  # where there is no sentence about the picture
DONE = ("none", "nothing", "done", "stop", "complete", "end")
INSTRUCTION = (
    "You plan a picture object by object, from the back to the front. Say which object should be drawn next. "
    'Answer with JSON alone: {"object": "a short name", "why": "one sentence", "box": [x0, y0, x1, y1] or null, '
    '"relation": {"kind": "on", "to": "a name that is there"} or null}. Box numbers are shares of the picture from 0 '
    'to 1, y from the top. Kinds: ' + ", ".join(grammar.RELATIONS) + '. If nothing is missing: {"object": "none"}.'
)  # fmt: skip


class BadAnswerError(ValueError):
    """An answer that cannot be made into a proposal; the sentence says why."""


class BadPlaceError(BadAnswerError):
    """An answer with a good object at a place that it cannot have. found: the object without the place."""

    def __init__(self, sentence: str, found: NextObject) -> None:
        super().__init__(sentence)
        self.found = found


def question(state: PlanState) -> str:
    """The request in words: the scene's text, its objects with their boxes, and what is still wanted."""
    scene = state.scene
    rows = []
    for layer in scene.layers:
        rows.append(f"- {clean_name(layer.name)}{_box_words(layer.mask, scene.width, scene.height)}")
    missing = ", ".join(item.prompt for item in state.missing()) or "nothing; add what fits, or end"
    return (
        f"Scene: {state.request.text or NO_TEXT}\nDrawn so far, back to front:\n" + ("\n".join(rows) or "- nothing") +
        f"\nStill wanted by the text: {missing}\nWhich object is next?"
    )  # fmt: skip


def _box_words(mask: Any, width: int, height: int) -> str:
    from smartmask.geometry import mask_box

    box = mask_box(mask)
    if box is None:
        return " (hidden)"
    shares = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
    return " at [" + ", ".join(f"{share:.2f}" for share in shares) + "]"


def read_answer(text: str, state: PlanState, encoder: TextEncoder) -> NextObject | None:
    """The proposal of an answer; None if it says that nothing is missing.

    Repaired: prose or fences round the JSON, single quotes, trailing commas, boxes in pixels, percent or with
    swapped corners; what is no box of four numbers is dropped. A BadAnswerError is an unknown name, a missing object,
    no JSON, a surface where objects are asked for, and an object that is there already and that the text does not want
    once more, at no other place; a BadPlaceError a place outside the picture, or that of another one of the name.
    """
    data = _json_of(text[:MAX_ANSWER])
    name = data.get("object", data.get("name"))
    if not isinstance(name, str) or not name.strip() or len(name) > 60:
        raise BadAnswerError(f"The answer names no object: {short_repr(data, 80)}.")
    name = " ".join(name.lower().split())
    if name.strip(" .") in DONE:
        return None
    meaning = encoder.understand(name)
    if meaning.how == "fallback":
        raise BadAnswerError(f"The answer's object '{name}' is no known name.")
    why = data.get("why")
    why = " ".join(why.split())[:300] if isinstance(why, str) and why.strip() else "The language model proposes it."
    wanted = next((item for item in state.missing() if _same(item.name, name, encoder)), None)
    relations = _relations(data.get("relation"), wanted.key if wanted else name, state, encoder)
    found = NextObject(
        wanted.name if wanted else meaning.name, 1.0, why, None, relations, wanted.key if wanted else None
    )
    if wanted is None and not state.surfaces and is_surface(found.name):
        raise BadAnswerError(f"The answer's '{name}' is a surface, which is drawn already; name an object on it.")
    numbers = _numbers(data.get("box"))
    region = None if numbers is None else _region(numbers, state)
    if numbers is not None and region is None:
        raise BadPlaceError(f"The answer's place {short_repr(data['box'], 80)} lies outside the picture.", found)
    alike = [layer for layer in state.scene.layers if _same(clean_name(layer.name), found.name, encoder)]
    if region is None and alike and wanted is None:
        raise BadAnswerError(f"The answer repeats '{name}', which is there; name another object, or its place.")
    if region is not None and any(_overlap(region, layer.mask) > REPEATED for layer in alike):
        sentence = f"The answer's place is that of the '{name}' that is there already."
        raise BadAnswerError(sentence) if wanted is None else BadPlaceError(sentence, found)
    return replace(found, region=region)


def is_surface(name: str) -> bool:
    """Whether a name is one of those that layouts begin with (sky, grass, wall), and not an object."""
    return name in grammar.SURFACES or name in grammar.SURFACE_NAMES


def _overlap(region: Region, mask: Any) -> float:
    """Intersection over union of a place and a mask's box, both in shares of the picture."""
    from smartmask.geometry import mask_box

    box = mask_box(mask)
    if box is None:
        return 0.0
    sides = (mask.shape[1], mask.shape[0])
    there = [edge / sides[i % 2] for i, edge in enumerate(box)]
    across = min(region[2], there[2]) - max(region[0], there[0])
    down = min(region[3], there[3]) - max(region[1], there[1])
    both = max(across, 0.0) * max(down, 0.0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (region, there)]
    return both / max(sum(areas) - both, 1e-9)


def _same(a: str, b: str, encoder: TextEncoder) -> bool:
    return a == b or encoder.understand(a).name == encoder.understand(b).name


def _json_of(text: str) -> dict[str, Any]:
    """The first JSON object in a text, with the usual slips of language models repaired."""
    start = text.find("{")
    if start < 0:
        raise BadAnswerError(f"The answer holds no JSON object: {short_repr(text, 80)}.")
    end = _closing(text, start)
    body = text[start : end + 1] if end > 0 else text[start:] + "}"
    for attempt in (body, _mended(body)):
        try:
            data = parse_json(attempt.encode("utf-8", "replace"), "The answer")
        except ValueError:
            continue
        if isinstance(data, dict):
            return data
    raise BadAnswerError(f"The answer's JSON cannot be read: {short_repr(body, 80)}.")


def _closing(text: str, start: int) -> int:
    """The index of the brace that closes the one at ``start``, -1 without one; braces in strings do not count."""
    depth, quoted, escaped = 0, False, False
    for index in range(start, len(text)):
        character = text[index]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "{") - (character == "}")
            if depth == 0:
                return index
    return -1


def _mended(body: str) -> str:
    mended = re.sub(r"(?<=[{\s,:\[])'([^'\n]*)'(?=\s*[:,}\]])", r'"\1"', body)
    mended = re.sub(r",\s*([}\]])", r"\1", mended)
    return re.sub(r"\b(None|nil)\b", "null", mended)


def _numbers(value: Any) -> list[float] | None:
    """Four finite numbers, or None where the answer has none."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:
        return None
    try:
        numbers = [float(number) for number in value]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _region(numbers: Sequence[float], state: PlanState) -> Region | None:
    """The box in shares of the picture, cut at its border; None where nothing of it lies inside."""
    largest = max(abs(number) for number in numbers)
    if largest > 1.5:  # percent, or pixels of the scene
        sides = (100.0, 100.0) if largest <= 100 else (float(state.scene.width), float(state.scene.height))
        numbers = [number / sides[i % 2] for i, number in enumerate(numbers)]
    x0, x1 = sorted(min(max(number, 0.0), 1.0) for number in numbers[::2])
    y0, y1 = sorted(min(max(number, 0.0), 1.0) for number in numbers[1::2])
    return (x0, y0, x1, y1) if x1 - x0 >= THINNEST and y1 - y0 >= THINNEST else None


def _relations(value: Any, subject: str, state: PlanState, encoder: TextEncoder) -> tuple[Relation, ...]:
    """The answer's relation, if its kind is known and it speaks of a layer that is there; else none."""
    if (
        not isinstance(value, dict)
        or value.get("kind") not in grammar.RELATIONS
        or not isinstance(value.get("to"), str)
    ):
        return ()
    for layer in state.scene.layers:
        if value["to"].strip() and _same(clean_name(layer.name), value["to"].lower().strip(), encoder):
            return (Relation(subject, value["kind"], f"layer:{layer.name}"),)
    return ()
