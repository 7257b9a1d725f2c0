"""Pairs of suggestions that differ by a word of the object's text, to be told apart in the blind.

Both are made in the same scene from the same guide: a flat meadow under the sky and a point, which says nothing about
pose or view. A word acts if somebody who does not know which is which picks the right one of two in 16 of 20 pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.evaluate.blind import check_numbers, hashed, read_answers, silhouette_tile, unanswered
from smartmask.evaluate.protocol import LICENCES, WEIGHTS, Benchmark, ReportSettings, listed
from smartmask.evaluate.report import finish, heading, table
from smartmask.evaluate.systems import load_pipeline
from smartmask.guides import Point
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet
from smartmask.io.bars import watched
from smartmask.io.publish import save_json, staging
from smartmask.io.settings import Settings, argument, option, required
from smartmask.io.terminal import say
from smartmask.scene import Layer, Scene

KEY, ANSWERS, PICTURE = "attributes_key.json", "attributes_answers.json", "attributes.png"
ENOUGH = 0.8  # share of pairs told rightly from which a word acts: 16 of 20
WIDTH, HEIGHT, HORIZON = 640, 480, 200  # of the scene, pixels
SIDES = ("left", "right")
COLUMNS = 3  # pairs a row of the page
# word: (text that has it, text that has its opposite or none of it)
PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "standing": (("standing man", "sitting man"), ("dog standing", "dog lying"), ("cow standing", "cow lying")),
    "sitting": (("man sitting", "man standing"), ("cat sitting", "cat lying"), ("sitting dog", "standing dog")),
    "lying": (("dog lying", "dog standing"), ("cat lying", "cat sitting"), ("sheep lying", "sheep standing")),
    "running": (("running horse", "standing horse"), ("dog running", "dog sitting")),
    "walking": (("woman walking", "woman standing"), ("horse walking", "horse grazing")),
    "riding": (("man riding", "man standing"), ("boy riding", "boy walking")),
    "flying": (("bird flying", "bird standing"), ("flying bird", "bird sitting")),
    "grazing": (("horse grazing", "horse running"), ("cow grazing", "cow lying")),
    "from the side": (("car from the side", "car from the front"), ("horse side view", "horse from the front")),
    "from the front": (("car from the front", "car from the side"), ("bicycle front view", "bicycle side view")),
    "from behind": (("dog seen from behind", "dog from the side"), ("cow from behind", "cow from the side")),
    "facing left": (("horse facing left", "horse facing right"), ("bird facing left", "bird facing right")),
    "facing right": (("chair facing right", "chair facing left"), ("cat facing right", "cat facing left")),
    "bust": (("bust of a woman", "woman"), ("bust of a man", "man standing")),
    "head": (("head of a man", "man"), ("head of a woman", "bust of a woman")),
    "two": (("two dogs", "dog"), ("two women", "woman")),
}


class AttributesSettings(Settings):
    """Pairs to be made."""

    out: Path = required(f"Folder for {PICTURE}, {KEY} and {ANSWERS} to fill in.", metavar="DIR")
    pairs: int = option(20, "How many pairs.", ge=1)
    words: str = option("", "Only pairs of these words, separated by commas.")
    num_masks: int = option(8, "Suggestions asked for, of which the first is shown.", ge=1)
    seed: int = option(0, "Of pairs, suggestions and sides.")
    licences: str | None = LICENCES
    weights: Path | None = WEIGHTS


class AttributesScoreSettings(ReportSettings):
    """Pairs that somebody told apart."""

    key: Path = argument(f"{KEY} of 'smartmask eval attributes'.", metavar="KEY")
    answers: Path = argument(f"{ANSWERS}, filled in.", metavar="ANSWERS")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two suggestions. asked: the text of the right one; other: of the wrong one. side: of SIDES, where the right one
    is. masks: (H, W) bool of the left and of the right one."""

    word: str
    asked: str
    other: str
    seed: int
    side: str
    masks: tuple[np.ndarray, np.ndarray]


def pairs_of_seed(seed: int, count: int, words: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """``count`` of (word, asked, other): every word in turn, in an order of the seed's; with ``words`` of those only.

    Raises ValueError for a word without pairs.
    """
    strange = [word for word in words if word not in PAIRS]
    if strange:
        raise ValueError(f"There is no pair for '{strange[0]}'; give some of {', '.join(PAIRS)}.")
    chosen = sorted(words or PAIRS, key=lambda word: hashed(seed, word))
    found: list[tuple[str, str, str]] = []
    turn = 0
    while len(found) < count:
        for word in chosen:
            texts = PAIRS[word]
            found.append((word, *texts[(turn + hashed(seed, word)) % len(texts)]))
        turn += 1
    return found[:count]


def meadow() -> Scene:
    """Grass under the sky."""
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:HORIZON] = True
    return Scene(HEIGHT, WIDTH, (Layer("sky", sky, thing=False), Layer("grass", ~sky, thing=False)))


def make_pairs(
    pipe: Any, wanted: Sequence[tuple[str, str, str]], seed: int, num_masks: int = 8
) -> list[Pair]:  # fmt: skip
    """The first suggestions for both texts of each pair. A pair's seed does not depend on the other pairs."""
    scene, point = meadow(), Point(WIDTH / 2, 0.65 * HEIGHT)
    found = []
    for number, (word, asked, other) in enumerate(watched("pairs", wanted)):
        own = hashed(seed, f"{number}/{asked}/{other}") % 2**31
        masks = [
            np.asarray(pipe(scene, text, guidance=point, num_masks=num_masks, generator=own).masks[0], dtype=bool)
            for text in (asked, other)
        ]
        side = SIDES[hashed(seed, f"side {number}/{asked}") % 2]
        left, right = masks if side == "left" else masks[::-1]
        found.append(Pair(word, asked, other, own, side, (left, right)))
    return found


def pairs_picture(pairs: Sequence[Pair]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB page: the outlines of each pair side by side, its number and question below the left."""
    tiles, captions = [], []
    for number, pair in enumerate(pairs, 1):
        tiles += [silhouette_tile(mask if mask.any() else ~mask) for mask in pair.masks]
        captions += [f"{number} left\n{pair.asked}?", f"{number} right\n"]
    return contact_sheet(tiles, captions, columns=2 * COLUMNS, tile=tiles[0].shape[0])


def key_of_pairs(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """What each number is, for ``score_pairs``."""
    return [
        {"number": i, "word": p.word, "asked": p.asked, "other": p.other, "seed": p.seed, "side": p.side}
        for i, p in enumerate(pairs, 1)
    ]


# --- scoring ---------------------------------------------------------------------------------------


def score_pairs(key: Sequence[Mapping[str, Any]], answers: Mapping[str, str]) -> dict[str, Any]:
    """{"pairs", "right", "acts", "words": {word: [right, pairs]}}. answers: {number: left or right, or "" for none}.

    Raises ValueError for numbers that the key lacks or that have no answer, and for other answers.
    """
    check_numbers(key, answers)
    words: dict[str, list[int]] = {}
    for entry in key:
        said = answers[str(entry["number"])].strip().lower()
        if said not in ("", *SIDES):
            raise ValueError(f"The answer '{said[:40]}' to pair {entry['number']} is no side; write left or right.")
        counts = words.setdefault(str(entry["word"]), [0, 0])
        counts[0] += said == entry["side"]
        counts[1] += 1
    right, count = sum(c[0] for c in words.values()), sum(c[1] for c in words.values())
    return {"pairs": count, "right": right, "acts": bool(count) and right >= ENOUGH * count, "words": words}


def pair_lines(found: Mapping[str, Any]) -> list[str]:
    """The scores as Markdown."""
    rows = [[word, str(right), str(count)] for word, (right, count) in sorted(found["words"].items())]
    rows.append(["all", str(found["right"]), str(found["pairs"])])
    return table(["word", "told rightly", "pairs"], rows)


def run(settings: AttributesSettings) -> None:
    """Pairs of first suggestions that differ by one word, shuffled, to be told apart in the blind."""
    wanted = pairs_of_seed(settings.seed, settings.pairs, listed(settings.words))
    pipe = load_pipeline(settings.weights, settings.licences)
    made = make_pairs(pipe, wanted, settings.seed, settings.num_masks)
    with staging(settings.out) as folder:
        save_png(pairs_picture(made), folder / PICTURE)
        save_json({**heading("attributes"), "seed": settings.seed, "pairs": key_of_pairs(made)}, folder / KEY)
        save_json(unanswered(len(made)), folder / ANSWERS)
    say(f"{len(made)} pairs in {settings.out / PICTURE}; write left or right into {settings.out / ANSWERS}")


def run_score(settings: AttributesScoreSettings) -> None:
    """How many pairs somebody told rightly, by word."""
    command = "smartmask eval attributes"
    pairs, said = read_answers(settings.key, settings.answers, "pairs", command, (KEY, ANSWERS), "sides")
    found = score_pairs(pairs, said)
    lines = ["# Words told apart in the blind", "", *pair_lines(found)]
    finish("attributes_score", {**heading("attributes-score"), **found}, lines, settings)


BENCHMARK = Benchmark("attributes", AttributesSettings, run)
SCORE = Benchmark("attributes-score", AttributesScoreSettings, run_score)
