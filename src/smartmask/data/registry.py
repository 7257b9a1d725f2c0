"""One table of readers: a new annotation format is one new file in ``readers/`` with one decorated function.

A reader takes a path and yields one *job* a picture, a function without arguments that returns the
picture's Record. So a bad picture stops only its own job, and ``read`` decides what happens then.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from smartmask.images import load_photo
from smartmask.scene import Scene

Job = Callable[[], "Record"]
Reader = Callable[[Path], Iterator[Job]]

_READERS: dict[str, tuple[Reader, str]] = {}


@dataclass(frozen=True, eq=False)
class Record:
    """One annotated picture.

    key: the split key (see splits.py); frames of one drive share it.  name: unique within the source.
    source: the format's name.  scene: layers back to front.  captions: sentences about the picture.
    modal: True if masks are only the visible parts, False if they are whole (amodal).
    image: the photograph's path, or None; it is not loaded unless asked for.
    """

    key: str
    source: str
    scene: Scene
    captions: tuple[str, ...] = ()
    modal: bool = True
    image: Path | None = None
    name: str = ""


def reader(name: str, description: str) -> Callable[[Reader], Reader]:
    """Enter a reader in the table: ``@reader("voc", "Pascal VOC class maps")``."""

    def enter(function: Reader) -> Reader:
        _READERS[name] = (function, description)
        return function

    return enter


def formats() -> dict[str, str]:
    """``{format name: description}`` of all readers, by name."""
    _load_readers()
    return {name: _READERS[name][1] for name in sorted(_READERS)}


def read(
    format: str,
    path: str | Path,
    *,
    load_photos: bool = False,
    on_error: Callable[[ValueError], None] | None = None,
) -> Iterator[Record]:
    """The records of ``path``, lazily and always in the same order.

    load_photos: also load each photograph into ``record.scene.photo``, (H, W, 3) uint8 RGB.
    on_error: called with the error of each bad picture, which is then left out; None raises it.
    Raises ValueError for an unknown format, a missing path, or (without ``on_error``) a bad file.
    """
    return _run(jobs(format, path), load_photos, on_error)


def jobs(format: str, path: str | Path) -> Iterator[Job]:
    """The jobs of ``path``, for those who read pictures again and again. Raises ValueError as ``read`` does."""
    known = formats()
    if format not in known:
        raise ValueError(f"There is no format '{format}'; known are {', '.join(known)}.")
    root = Path(path)
    if not root.exists():
        raise ValueError(f"{root} does not exist; give the folder or file of the {format} data.")
    return _READERS[format][0](root)


def _run(jobs: Iterator[Job], load_photos: bool, on_error: Callable[[ValueError], None] | None) -> Iterator[Record]:
    for job in jobs:
        try:
            record = job()
            if load_photos and record.image is not None:
                record = _with_photo(record)
        except ValueError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield record


def _with_photo(record: Record) -> Record:
    photo = load_photo(record.image) if record.image else None
    try:
        return replace(record, scene=replace(record.scene, photo=photo))
    except ValueError as error:
        raise ValueError(f"{record.image}: {error}") from None


def _load_readers() -> None:
    """Import every module of ``smartmask.data.readers``."""
    package = importlib.import_module("smartmask.data.readers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
