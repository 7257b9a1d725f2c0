"""Naming in the blind: suggestions, real outlines and others as plain silhouettes, shuffled and numbered.

Somebody who made none of them names each freely. ``score`` counts whose silhouettes are clear: named as what was
asked for, without a question mark; with one they are arguable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.shapes import shape_key
from smartmask.evaluate.blind import check_numbers, silhouette_tile
from smartmask.evaluate.report import table
from smartmask.image.files import load_guide_mask
from smartmask.image.sheets import contact_sheet

SUGGESTED, REAL = "suggested", "real"
A_PAGE = 48
COLUMNS = 8
# Answers that name the same thing as what was asked for, beside the vocabulary's own synonyms.
ALSO: dict[str, tuple[str, ...]] = {
    "couch": ("sofa", "settee", "loveseat", "sofa bed"),
    "cup": ("mug", "tea cup", "teacup", "coffee cup", "paper cup", "beaker"),
    "mug": ("cup", "coffee cup", "tea cup"),
    "bus": ("coach", "double-decker bus", "school bus", "minibus"),
    "boat": ("ship", "sailboat", "sailing boat", "sailing ship", "yacht", "motorboat", "rowing boat", "ferry"),
    "train": ("locomotive", "tram", "railcar", "subway"),
    "truck": ("lorry", "pickup", "pickup truck", "fire truck", "trailer truck"),
    "car": ("suv", "van", "taxi", "sports car"),
    "motorcycle": ("motorbike", "scooter", "moped"),
    "bicycle": ("bike",),
    "airplane": ("plane", "jet", "aeroplane", "aircraft", "fighter jet", "propeller plane"),
    "person": ("man", "woman", "boy", "girl", "child", "human"),
    "cow": ("bull", "ox", "calf", "cattle"),
    "sheep": ("lamb", "ram", "goat"),
    "horse": ("pony", "foal", "donkey"),
    "dog": ("puppy",),
    "cat": ("kitten",),
    "bird": ("pigeon", "duck", "eagle", "parrot", "seagull", "sparrow", "goose", "gull", "crow", "heron"),
    "bear": ("teddy bear", "polar bear", "grizzly"),
    "tv": ("television", "monitor", "screen", "computer monitor"),
    "potted plant": ("plant", "flower pot", "houseplant", "pot plant", "flower", "bonsai"),
    "bottle": ("wine bottle", "beer bottle", "water bottle"),
    "chair": ("armchair", "office chair", "stool"),
}


@dataclass(frozen=True, eq=False)
class Item:
    """One silhouette. group: SUGGESTED, REAL or a folder's label. rank: 0 for the first of a name, -1 where none."""

    mask: np.ndarray
    name: str
    group: str
    rank: int = -1
    about: str = ""


def shuffled(items: Sequence[Item], seed: int) -> list[Item]:
    """The items in an order of the seed's."""
    return [items[i] for i in np.random.default_rng([seed, len(items)]).permutation(len(items))]


def pages(items: Sequence[Item]) -> list[np.ndarray]:
    """``(H, W, 3)`` uint8 pages of numbered silhouettes, from 1 on."""
    found = []
    for start in range(0, len(items), A_PAGE):
        some = items[start : start + A_PAGE]
        tiles = [silhouette_tile(item.mask) for item in some]
        found.append(contact_sheet(tiles, [str(start + i + 1) for i in range(len(some))], COLUMNS, tiles[0].shape[0]))
    return found


def key_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """What each number is, for ``score``."""
    return [
        {"number": i, "name": item.name, "group": item.group, "rank": item.rank, "about": item.about}
        for i, item in enumerate(items, 1)
    ]


def folder_items(folder: Path, group: str) -> list[Item]:
    """The masks of a folder's PNG files, named ``NAME_RANK.png`` ("potted plant_0.png"). ValueError for none."""
    found = []
    for path in sorted(folder.glob("*.png")):
        name, _, rank = path.stem.rpartition("_")
        if not name or not rank.isdigit():
            raise ValueError(f"{path} is not named NAME_RANK.png, such as dog_0.png; rename it.")
        found.append(Item(load_guide_mask(path) > 0.5, name, group, int(rank), path.name))
    if not found:
        raise ValueError(f"{folder} has no PNG file; give a folder of masks named NAME_RANK.png.")
    return found


def real_items(
    candidates: Iterable[tuple[str, np.ndarray, str]], names: Sequence[str], count: int, seed: int
) -> list[Item]:
    """``count`` real masks of the names, shared out among them, by a hash of the seed and what each comes from.

    candidates: (name, mask, where it comes from).
    """
    queues: dict[str, list[tuple[int, Item]]] = {shape_key(name): [] for name in names}
    for name, mask, about in candidates:
        queue = queues.get(shape_key(name))
        if queue is not None:
            digest = hashlib.sha1(f"{seed}:{about}".encode() + np.packbits(mask).tobytes()).digest()
            queue.append((int.from_bytes(digest[:5], "big"), Item(mask, name, REAL, -1, about)))
    ordered = [[item for _, item in sorted(queue, key=lambda entry: entry[0])] for queue in queues.values()]
    turns = zip_longest(*ordered)
    return [item for turn in turns for item in turn if item is not None][:count]


# --- scoring ---------------------------------------------------------------------------------------


def is_right(name: str, answer: str, canonical: Callable[[str], str] = shape_key) -> bool:
    """Whether a free answer names what was asked for; canonical: maps synonyms onto one name."""
    given = shape_key(answer)
    accepted = {shape_key(name), *(shape_key(word) for word in ALSO.get(shape_key(name), ()))}
    return given in accepted or canonical(given) == canonical(shape_key(name))


def score(
    key: Sequence[Mapping[str, Any]], answers: Mapping[str, str], canonical: Callable[[str], str] = shape_key
) -> dict[str, Any]:
    """{group: {"all" or "first": {items, clear, arguable}}} and what the suggested ones reach of the real ones' share.

    answers: {number: name}, empty or "?" for none; "cow?" is arguable where cow is right. Raises ValueError for numbers
    that the key lacks or that have no answer.
    """
    check_numbers(key, answers)
    groups: dict[str, dict[str, dict[str, int]]] = {}
    names: dict[str, list[int]] = {}
    for entry in key:
        said = answers[str(entry["number"])].strip()
        word = said.rstrip("? ").strip()
        right = bool(word) and is_right(str(entry["name"]), word, canonical)
        clear, arguable = right and not said.endswith("?"), right and said.endswith("?")
        for part in ("all", "first") if entry["rank"] == 0 else ("all",):
            counts = groups.setdefault(entry["group"], {}).setdefault(part, {"items": 0, "clear": 0, "arguable": 0})
            counts["items"] += 1
            counts["clear"] += clear
            counts["arguable"] += arguable
        if entry["group"] == SUGGESTED:
            names.setdefault(entry["name"], []).append(int(clear))
    shares = {g: parts["all"]["clear"] / parts["all"]["items"] for g, parts in groups.items()}
    real = shares.get(REAL, 0.0)
    return {
        "groups": groups,
        "of_real": {g: round(share / real, 4) if real else None for g, share in shares.items() if g != REAL},
        "clear_by_name": {name: [sum(some), len(some)] for name, some in sorted(names.items())},
    }


def score_lines(found: Mapping[str, Any]) -> list[str]:
    """The scores as Markdown."""
    rows = []
    for group, parts in found["groups"].items():
        ratio = found["of_real"].get(group)
        for part, counts in parts.items():
            share = f"{counts['clear'] / counts['items']:.2f}"
            of_real = "-" if part != "all" or ratio is None else f"{ratio:.2f}"
            label = group if part == "all" else f"{group}, first of each name"
            rows.append([label, str(counts["items"]), str(counts["clear"]), str(counts["arguable"]), share, of_real])
    lines = table(["silhouettes", "items", "clear", "arguable", "clear share", "of real ones'"], rows)
    by_name = ", ".join(f"{name} {clear} of {count}" for name, (clear, count) in found["clear_by_name"].items())
    return [*lines, "", f"Clear by name: {by_name}."]
