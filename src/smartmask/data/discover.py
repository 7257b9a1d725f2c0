"""Finding the known sets under a folder, and reading several sets as one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from smartmask.data.record import Record
from smartmask.data.registry import formats, read

# (format, folder name, what must be in the folder). For a COCO image that occurs twice, the first wins.
_SETS = (
    ("cocoa", "cocoa", ("*.json",)),
    ("coco_panoptic", "coco", ("panoptic*.json", "annotations/panoptic*.json")),
    ("coco_instances", "coco", ("instances*.json", "annotations/instances*.json")),
    ("objects", "objects", ("*.json",)),
    ("voc", "voc", ("SegmentationClass*",)),
    ("pennfudan", "pennfudan", ("*[mM]asks",)),
    ("camvid", "camvid", ("*/labels",)),
    ("idd_lite", "idd_lite", ("gtFine",)),
    ("lalonde_efros", "lalonde_efros", ("objects.csv",)),
    ("shapes", "shapes", ("names.csv",)),
)
_ANYTHING = ("*.json",)  # tells a set only in a folder of its name
LOOKED_INTO = 100  # folders below one that is no set
Source = tuple[str, Path]


def discover(root: str | Path) -> list[Source]:
    """``(format, folder)`` of every known set under ``root``, told by folder names (``coco/``, ``voc/``, ...); else of
    the set that the folder itself is, told by what is in it; or what ``FORMAT=PATH`` names.

    Raises ValueError if ``root`` is none of these; it says what is there instead.
    """
    text, root = str(root), Path(root)
    if not root.exists() and text.partition("=")[0] in formats():
        return [parse_source(text)]
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give one with data sets, the folder of one, or FORMAT=PATH.")
    found = _known_in(root) or [
        (format, root)
        for format, name, marks in _SETS
        if _holds(root, marks) and (marks != _ANYTHING or root.name == name)
    ]
    if not found:
        raise ValueError(_unknown(root))
    return found


def _known_in(root: Path) -> list[Source]:
    """The sets in folders of their names."""
    return [(format, root / name) for format, name, marks in _SETS if _holds(root / name, marks)]


def _holds(folder: Path, marks: Iterable[str]) -> bool:
    return folder.is_dir() and any(True for mark in marks for _ in folder.glob(mark))


def _unknown(root: Path) -> str:
    """What to do about a folder that is no known set and holds none: the folders below it that are one are named."""
    below = [path for path in sorted(root.iterdir()) if path.is_dir()][:LOOKED_INTO]
    sets = [path.name for path in below if _known_in(path)]
    if sets:
        return f"{root} holds no data set, but {root / sets[0]} does; give that folder."
    alone = [path.name for path in below if any(_holds(path, marks) for _, _, marks in _SETS if marks != _ANYTHING)]
    if alone:
        return (
            f"{root} holds sets in folders of other names ({', '.join(alone[:5])}); give one of them, or --source "
            f"FORMAT={root / alone[0]}."
        )
    names = ", ".join(sorted({name for _, name, _ in _SETS}))
    return f"{root} is no known set and holds none of the folders {names}; name sources as FORMAT=PATH instead."


def parse_source(text: str) -> Source:
    """``format=path`` as typed on the command line. Raises ValueError if it is not of that form."""
    format, equals, path = text.partition("=")
    if not equals or not path or format not in formats():
        raise ValueError(f"'{text}' is not FORMAT=PATH with one of the formats {', '.join(formats())}.")
    return format, Path(path)


def read_all(sources: Iterable[Source], on_error: Callable[[ValueError], None] | None = None) -> Iterator[Record]:
    """The records of several sources, one after the other; ``on_error`` as in ``registry.read``."""
    for format, path in sources:
        yield from read(format, path, on_error=on_error)
