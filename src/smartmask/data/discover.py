"""Finding the known sets under a folder, and reading several sets as one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smartmask.data.readers.amodal import COCOA_CLS_WORDS
from smartmask.data.readers.coco_instances import LVIS_FILES
from smartmask.data.readers.cocoa import OFFICIAL
from smartmask.data.readers.open_images import SEGMENTS
from smartmask.data.record import Record
from smartmask.data.registry import formats, read
from smartmask.io.reading import file_says


@dataclass(frozen=True)
class Known:
    """How a set is found. names: of its folder, in any case.  marks: what must be in it (globs).

    says, silent: words of which a JSON among the marks must hold one, and none.  named: whether the marks tell nothing
    in a folder of another name.
    """

    format: str
    names: tuple[str, ...]
    marks: tuple[str, ...]
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    named: bool = False

    def holds(self, folder: Path) -> bool:
        """Whether the folder is such a set, by what is in it."""
        return folder.is_dir() and any(self._is(file) for mark in self.marks for file in folder.glob(mark))

    def _is(self, file: Path) -> bool:
        return (not self.says or file_says(file, self.says)) and not (self.silent and file_says(file, self.silent))


_OTHERS = ('"a_segm"', '"neg_category_ids"', *COCOA_CLS_WORDS)  # files of COCO's form that are not COCO's instances
# For a COCO image that occurs twice, the first wins.
_SETS = (
    Known("cocoa", ("cocoa",), ("*.json",), ('"regions"',)),
    Known("cocoa", ("cocoa", "coco"), (f"annotations/{OFFICIAL}",), ('"regions"',)),
    Known("cocoa_cls", ("cocoa_cls", "cocoa"), ("*.json", "annotations/*.json"), COCOA_CLS_WORDS, ('"regions"',)),
    Known("coco_panoptic", ("coco",), ("panoptic*.json", "annotations/panoptic*.json")),
    Known("coco_instances", ("coco",), ("instances*.json", "annotations/instances*.json"), (), _OTHERS),
    Known(
        "lvis",
        ("lvis", "coco"),
        (*LVIS_FILES, *(f"annotations/{name}" for name in LVIS_FILES)),
        ('"neg_category_ids"',),
    ),
    Known("kins", ("kins", "kitti"), ("*.json", "annotations/*.json"), ('"a_segm"',)),
    Known("ade20k", ("ade20k", "ade20k_2021_17_01"), ("images/ADE/*/*", "images/*/*/*_seg.png", "*_seg.png")),
    Known("scene_parse150", ("adechallengedata2016", "scene_parse150"), ("objectInfo150.txt",)),
    Known("open_images", ("open_images", "openimages", "open-images"), (SEGMENTS, f"annotations/{SEGMENTS}")),
    Known("cityscapes", ("cityscapes",), ("gtFine/*/*/*_gtFine_instanceIds.png",)),
    Known("objects", ("objects",), ("*.json",), named=True),
    Known("voc", ("voc",), ("SegmentationClass*",)),
    Known("pennfudan", ("pennfudan",), ("instance_masks", "PedMasks")),
    Known("camvid", ("camvid",), ("*/labels",)),
    Known("idd_lite", ("idd_lite",), ("gtFine/*/*/*_label.png",)),
    Known("lalonde_efros", ("lalonde_efros",), ("objects.csv",)),
    Known("shapes", ("shapes",), ("names.csv",)),
    Known("shards", ("shards", "laion"), ("*.tar",)),
)
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
    found = _known_in(root) or _as_itself(root)
    if not found:
        raise ValueError(_unknown(root))
    return found


def _known_in(root: Path) -> list[Source]:
    """The sets in folders of their names."""
    folders: dict[str, list[Path]] = {}
    for path in sorted(root.iterdir()):
        folders.setdefault(path.name.lower(), []).append(path)
    found = [
        (known.format, path)
        for known in _SETS
        for name in known.names
        for path in folders.get(name, [])
        if known.holds(path)
    ]
    return list(dict.fromkeys(found))


def _as_itself(root: Path) -> list[Source]:
    """The sets that a folder of any name is."""
    found = [known for known in _SETS if known.holds(root) and (not known.named or root.name.lower() in known.names)]
    return list(dict.fromkeys((known.format, root) for known in found))


def _unknown(root: Path) -> str:
    """What to do about a folder that is no known set and holds none: the folders below it that are one are named."""
    below = [path for path in sorted(root.iterdir()) if path.is_dir()][:LOOKED_INTO]
    sets = [path.name for path in below if _known_in(path)]
    if sets:
        return f"{root} holds no data set, but {root / sets[0]} does; give that folder."
    alone = [path.name for path in below if any(known.holds(path) for known in _SETS if not known.named)]
    if alone:
        return (
            f"{root} holds sets in folders of other names ({', '.join(alone[:5])}); give one of them, or --source "
            f"FORMAT={root / alone[0]}."
        )
    names = ", ".join(sorted({known.names[0] for known in _SETS}))
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
