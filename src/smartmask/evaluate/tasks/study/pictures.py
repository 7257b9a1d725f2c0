"""The pictures of a study: folders of several systems, read as items that all of them have."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from smartmask.image.composition import resize, side_size
from smartmask.image.files import load_photo
from smartmask.io.reading import read_json

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
QUALITY = 92
BLOCKS = 8  # a side, that a spoilt picture is cut into


@dataclass(frozen=True, eq=False)
class Item:
    """One thing that every system made a picture of.

    pictures: {system: (H, W, 3) uint8}.  photo: what they were made from, or None.  label: said above them.
    """

    name: str
    pictures: Mapping[str, np.ndarray]
    photo: np.ndarray | None = None
    label: str = ""


def named_folders(given: Sequence[str]) -> dict[str, Path]:
    """``{system: folder}`` of texts NAME=DIR, or DIR, which is called by its own name.

    Raises ValueError for fewer than two systems or a name that comes twice.
    """
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        folder = Path(path if equals else text)
        name = name if equals else folder.name or str(folder)
        if name in folders:
            raise ValueError(f"Two systems are called '{name}'; name them as NAME=DIR.")
        folders[name] = folder
    if len(folders) < 2:
        raise ValueError("A study compares two systems or more; give a folder of pictures for each.")
    return folders


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


def read_items(
    folders: Mapping[str, Path], photos: Path | None = None, labels: Mapping[str, str] | None = None
) -> list[Item]:
    """The pictures that all folders have, by file name without suffix.

    Raises ValueError if a picture is missing from one of the folders, or if two of one name differ in size.
    """
    files = {system: pictures_in(folder) for system, folder in folders.items()}
    every = set().union(*files.values())
    for system, found in files.items():
        alone = sorted(every - found.keys())
        if alone:
            raise ValueError(
                f"'{folders[system]}' lacks '{alone[0]}' ({len(alone)} such), which another folder has; give all the "
                "same names."
            )
    originals = {} if photos is None else pictures_in(photos)
    items = []
    for name in sorted(every):
        pictures = {system: load_photo(found[name]) for system, found in files.items()}
        sizes = {system: f"{picture.shape[1]}x{picture.shape[0]}" for system, picture in pictures.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{size} in '{folders[system]}'" for system, size in sizes.items())
            raise ValueError(f"The picture '{name}' is {told}; compare pictures of one size.")
        photo = load_photo(originals[name]) if name in originals else None
        items.append(Item(name, pictures, photo, (labels or {}).get(name, "")))
    return items


def read_labels(path: str | Path) -> dict[str, str]:
    """``{picture's name without suffix: text}``. Raises ValueError for anything else."""
    labels = read_json(Path(path), "labels")
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise ValueError(f'The labels \'{path}\' are not texts by picture; give JSON such as {{"0001": "a dog"}}.')
    return labels


def spoilt(picture: np.ndarray, seed: int) -> np.ndarray:
    """``(H, W, 3)`` uint8: the picture in pieces, every second one noise; nobody who looks would prefer it."""
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    rows, columns = (np.linspace(0, edge, BLOCKS + 1).astype(int) for edge in (height, width))
    order = rng.permutation(BLOCKS**2)
    ruined = picture.copy()
    for place, source in enumerate(order):
        (top, left), (y, x) = divmod(place, BLOCKS), divmod(int(source), BLOCKS)
        size = rows[top + 1] - rows[top], columns[left + 1] - columns[left]
        if not all(size):
            continue
        cut = picture[rows[y] : rows[y + 1], columns[x] : columns[x + 1]]
        noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        piece = noise if (top + left) % 2 or not cut.size else resize(cut, *size)
        ruined[rows[top] : rows[top + 1], columns[left] : columns[left + 1]] = piece
    return ruined


def as_uri(picture: np.ndarray, side: int) -> str:
    """A picture in a page: JPEG of at most ``side`` pixels, encoded anew, so that notes in its file do not tell."""
    height, width = picture.shape[:2]
    scaled = resize(picture, *side_size(height, width, min(side, max(height, width))))
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(scaled)).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def digest(text: str) -> str:
    """Sixteen hex digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
