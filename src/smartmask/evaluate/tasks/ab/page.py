"""A blind comparison of two folders of pictures: one HTML file to vote in, and the key that unblinds the votes."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smartmask.evaluate.tasks.ab.template import PAGE
from smartmask.image.composition import resize, side_size
from smartmask.image.files import load_photo
from smartmask.io.files import read_json

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SIDE = 640  # pixels of the longer side on the page
QUALITY = 92
QUESTION = "Which picture looks better?"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures of one name: (H, W, 3) uint8 each; photo: what they were made from, or None; label: said above."""

    name: str
    a: np.ndarray
    b: np.ndarray
    photo: np.ndarray | None = None
    label: str = ""


def pictures_in(folder: str | Path) -> dict[str, Path]:
    """``{stem: file}`` of a folder's pictures. Raises ValueError for no folder, no picture, or a stem twice."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"'{folder}' is no folder; give a folder of pictures.")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in SUFFIXES:
            if file.stem in found:
                raise ValueError(f"'{folder}' has '{found[file.stem].name}' and '{file.name}'; keep one of them.")
            found[file.stem] = file
    if not found:
        raise ValueError(f"'{folder}' has no pictures; they end in {', '.join(SUFFIXES)}.")
    return found


def read_pairs(
    a: str | Path, b: str | Path, photos: str | Path | None = None, labels: Mapping[str, str] | None = None
) -> list[Pair]:
    """The pictures that both folders have, by file name without suffix.

    Raises ValueError if there is none, if a picture stands in one folder only, or if two differ in size.
    """
    left, right = pictures_in(a), pictures_in(b)
    alone = sorted(set(left) ^ set(right))
    if alone:
        raise ValueError(
            f"'{alone[0]}' is in only one of '{a}' and '{b}' ({len(alone)} such); give them the same names."
        )
    originals = {} if photos is None else pictures_in(photos)
    pairs = []
    for name in sorted(left):
        one, two = load_photo(left[name]), load_photo(right[name])
        if one.shape != two.shape:
            raise ValueError(
                f"'{left[name]}' is {one.shape[1]}x{one.shape[0]}, but '{right[name]}' is "
                f"{two.shape[1]}x{two.shape[0]}; compare pictures of one size."
            )
        photo = load_photo(originals[name]) if name in originals else None
        pairs.append(Pair(name, one, two, photo, (labels or {}).get(name, "")))
    return pairs


def read_labels(path: str | Path) -> dict[str, str]:
    """``{picture's name without suffix: text}``. Raises ValueError for anything else."""
    labels = read_json(Path(path), "labels")
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise ValueError(f'The labels \'{path}\' are not texts by picture; give JSON such as {{"0001": "a dog"}}.')
    return labels


def blind(
    pairs: Sequence[Pair], names: tuple[str, str], seed: int, question: str = QUESTION, side: int = SIDE
) -> tuple[str, dict[str, Any]]:
    """(HTML page, key). names: what A and B are called in the key; the page knows neither names nor files.

    The order of the pairs and the sides are drawn from ``seed``; A stands on the left in half of the pairs (one more
    or less for an odd number). The seed is in the key only, as it would unblind the page. Pictures are encoded anew,
    so that notes in their files do not tell either.
    """
    if side < 64:
        raise ValueError(f"Pictures of {side} pixels are too small to judge; use at least 64.")
    rng = random.Random(seed)
    order = list(range(len(pairs)))
    sides = [("a", "b")[i % 2] for i in range(len(pairs))]
    rng.shuffle(order)
    rng.shuffle(sides)
    shown, left, files = [], {}, {}
    for number, (index, first) in enumerate(zip(order, sides, strict=True), 1):
        pair, code = pairs[index], f"{number:04d}"
        pictures = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
        photo = None if pair.photo is None else _uri(pair.photo, side)
        halves = {"left": _uri(pictures[0], side), "right": _uri(pictures[1], side)}
        shown.append({"id": code, "label": pair.label, **halves, "photo": photo})
        left[code], files[code] = first, pair.name
    page = hashlib.sha256(json.dumps([question, shown]).encode()).hexdigest()[:16]
    content = json.dumps({"page": page, "question": question, "pairs": shown}).replace("<", "\\u003c")
    text = PAGE.replace("@TITLE@", html.escape(question)).replace("@CONTENT@", content)
    return text, {"page": page, "seed": seed, "a": names[0], "b": names[1], "left": left, "files": files}


def _uri(picture: np.ndarray, side: int) -> str:
    height, width = picture.shape[:2]
    scaled = resize(picture, *side_size(height, width, min(side, max(height, width))))
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(scaled)).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
