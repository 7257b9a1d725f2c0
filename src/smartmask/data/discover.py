"""Finding the known sets under a folder, and reading several sets as one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from smartmask.data.record import Record
from smartmask.data.registry import formats, read

# (format, folder name, what must be in the folder). For a COCO image that occurs twice, the first wins.
_SETS = (
    ("cocoa", "cocoa", "*.json"),
    ("coco_panoptic", "coco", "**/panoptic*.json"),
    ("coco_instances", "coco", "**/instances*.json"),
    ("objects", "objects", "*.json"),
    ("voc", "voc", "SegmentationClass*"),
    ("pennfudan", "pennfudan", "*[mM]asks"),
    ("camvid", "camvid", "*/labels"),
    ("idd_lite", "idd_lite", "gtFine"),
    ("lalonde_efros", "lalonde_efros", "objects.csv"),
    ("shapes", "shapes", "names.csv"),
)
Source = tuple[str, Path]


def discover(root: str | Path) -> list[Source]:
    """``(format, folder)`` of every known set under ``root``, told by folder names (``coco/``, ``voc/``, ...).

    Raises ValueError if ``root`` is no folder or holds none of them.
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder.")
    found = [(format, root / name) for format, name, inside in _SETS if any((root / name).glob(inside))]
    if not found:
        names = ", ".join(sorted({name for _, name, _ in _SETS}))
        raise ValueError(f"{root} holds none of the folders {names}; name sources one by one instead.")
    return found


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
