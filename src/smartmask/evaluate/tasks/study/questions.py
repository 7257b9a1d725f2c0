"""What a study asks: which pictures stand together, in which order, and what is slipped in to see who looks."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from smartmask.evaluate.tasks.study.pictures import Item, as_uri, digest, spoilt
from smartmask.io.reading import read_text

PAGE = Path(__file__).with_name("page.html")
DESIGNS = ("pairs", "ranking")
LEAST_SIDE = 64


@dataclass(frozen=True)
class Question:
    """systems: whose pictures of an item are shown, in this order.  spoilt: a check's slot with a ruined one."""

    item: int
    systems: tuple[str, ...]
    spoilt: int | None = None


def draw_questions(
    systems: Sequence[str], items: int, design: str, limit: int | None, checks: int, rng: random.Random
) -> list[Question]:
    """The questions in the order of the page, checks among them.

    pairs: two systems a question, every pair of systems as often as can be, each on the left in half of its questions.
    ranking: all systems, each at every place as often as can be. limit: at most so many, checks aside; None: all.
    Raises ValueError for an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"There is no design '{design}'; use {' or '.join(DESIGNS)}.")
    order = list(range(items))
    rng.shuffle(order)
    if design == "pairs":
        asked = _pairs(list(combinations(systems, 2)), order, limit, rng)
    else:
        asked = _rankings(list(systems), order[:limit], rng)
    asked += [_check(rng.choice(asked), rng) for _ in range(checks)]
    rng.shuffle(asked)
    return asked


def _pairs(pairs: list[tuple[str, str]], order: list[int], limit: int | None, rng: random.Random) -> list[Question]:
    """Item by item, the pairs walked through in turn, so that any first part of the list is balanced."""
    rng.shuffle(pairs)
    turns = [(item, (place + turn) % len(pairs)) for turn in range(len(pairs)) for place, item in enumerate(order)]
    asked, seen = [], [rng.randrange(2) for _ in pairs]
    for item, number in turns[:limit]:
        first, second = pairs[number][:: 1 if seen[number] % 2 else -1]
        seen[number] += 1
        asked.append(Question(item, (first, second)))
    return asked


def _rankings(systems: list[str], order: list[int], rng: random.Random) -> list[Question]:
    asked = []
    for place, item in enumerate(order):
        if place % len(systems) == 0:
            rng.shuffle(systems)
        shift = place % len(systems)
        asked.append(Question(item, tuple(systems[shift:] + systems[:shift])))
    return asked


def _check(like: Question, rng: random.Random) -> Question:
    return Question(like.item, like.systems, rng.randrange(len(like.systems)))


def make_page(
    items: Sequence[Item], systems: Sequence[str], seed: int, question: str, *, design: str = "pairs",
    limit: int | None = None, checks: int = 0, side: int = 512,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """(HTML page, key). The page knows no system, no file and no seed, which would unblind it; the key has all.

    Each judge's browser shows the questions in an order of its own. side: pixels of the longer side of a picture.
    Raises ValueError for pictures too small to judge, and as ``draw_questions`` does.
    """
    if side < LEAST_SIDE:
        raise ValueError(f"Pictures of {side} pixels are too small to judge; use at least {LEAST_SIDE}.")
    rng = random.Random(seed)
    asked = draw_questions(systems, len(items), design, limit, checks, rng)
    pictures = _Pictures(items, side, rng)
    shown: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    for number, one in enumerate(asked, 1):
        code, item = f"q{number:04d}", items[one.item]
        slots = [pictures.made(one.item, system, slot == one.spoilt) for slot, system in enumerate(one.systems)]
        shown.append({"id": code, "label": item.label, "photo": pictures.photo(one.item), "shown": slots})
        told[code] = {"item": item.name, "systems": list(one.systems), "spoilt": one.spoilt}
    content, places = pictures.shuffled()
    for one_shown in shown:
        one_shown["shown"] = [places[slot] for slot in one_shown["shown"]]
        one_shown["photo"] = None if one_shown["photo"] is None else places[one_shown["photo"]]
    study = digest(json.dumps([question, design, shown, content]))
    record = {"study": study, "design": design, "question": question, "questions": shown, "pictures": content}
    text = read_text(PAGE).replace("@TITLE@", html.escape(question))
    text = text.replace("@CONTENT@", json.dumps(record).replace("<", "\\u003c"))
    return text, {"study": study, "seed": seed, "design": design, "systems": list(systems), "questions": told}


class _Pictures:
    """Every picture of the page once, in an order that tells nothing of whose it is."""

    def __init__(self, items: Sequence[Item], side: int, rng: random.Random) -> None:
        self.items, self.side, self.rng = items, side, rng
        self.content: list[str] = []
        self.known: dict[tuple[int, str | None], int] = {}

    def made(self, item: int, system: str, ruined: bool) -> int:
        if ruined:  # drawn anew each time
            return self._add(as_uri(spoilt(self.items[item].pictures[system], self.rng.randrange(2**32)), self.side))
        if (item, system) not in self.known:
            self.known[item, system] = self._add(as_uri(self.items[item].pictures[system], self.side))
        return self.known[item, system]

    def photo(self, item: int) -> int | None:
        photo = self.items[item].photo
        if photo is not None and (item, None) not in self.known:
            self.known[item, None] = self._add(as_uri(photo, self.side))
        return self.known.get((item, None))

    def _add(self, uri: str) -> int:
        self.content.append(uri)
        return len(self.content) - 1

    def shuffled(self) -> tuple[list[str], list[int]]:
        """The pictures in random order, and the new place of each."""
        order = list(range(len(self.content)))
        self.rng.shuffle(order)
        places = [0] * len(order)
        for place, old in enumerate(order):
            places[old] = place
        return [self.content[old] for old in order], places
