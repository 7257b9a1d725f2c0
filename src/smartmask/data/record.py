"""Record: one annotated picture; and what a reader of a format is.

A reader takes a path and yields one *job* a picture, a function without arguments that returns the
picture's Record. So a bad picture stops only its own job, and ``registry.read`` decides what happens then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smartmask.scene import Scene

Job = Callable[[], "Record"]
Reader = Callable[[Path], Iterator[Job]]


@dataclass(frozen=True, eq=False)
class Record:
    """One annotated picture.

    key: the split key (see splits.py); frames of one drive share it.  name: unique within the source.
    source: the format's name.  scene: layers back to front.  captions: sentences about the picture.
    modal: True if masks are only the visible parts, False if they are whole (amodal).
    image: the photograph's path, or None; it is not loaded unless asked for.
    layer_captions: a sentence about each layer, "" for none; () where the set has no such sentences.
    """

    key: str
    source: str
    scene: Scene
    captions: tuple[str, ...] = ()
    modal: bool = True
    image: Path | None = None
    name: str = ""
    layer_captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format of data sets: its name, what it is, and the function that yields a path's jobs."""

    name: str
    description: str
    jobs: Reader

    def __call__(self, path: Path) -> Iterator[Job]:
        return self.jobs(path)


def reader(name: str, description: str) -> Callable[[Reader], Format]:
    """Make a function the reader of a format: ``@reader("voc", "Pascal VOC class maps")``."""

    def named(function: Reader) -> Format:
        return Format(name, description, function)

    return named
