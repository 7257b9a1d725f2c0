"""Record: one annotated picture; and what a reader of a format is.

A reader takes a path and yields one *job* a picture, a function without arguments that returns the
picture's Record. So a bad picture stops only its own job, and ``registry.read`` decides what happens then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smartmask.geometry import MaskWindow
from smartmask.io.tar import TarMember
from smartmask.scene import Scene

Job = Callable[[], "Record"]
Reader = Callable[[Path], Iterator[Job]]


@dataclass(frozen=True, eq=False)
class Part:
    """A named part of a layer (a wheel of a car), or of a part (its rim).

    layer: the index of the layer it belongs to.  level: 1 for a part, 2 for a part of a part.  window: all of it.
    """

    layer: int
    name: str
    level: int
    window: MaskWindow


@dataclass(frozen=True, eq=False)
class Record:
    """One annotated picture.

    key: the split key (see splits.py); frames of one drive share it.  name: unique within the source.
    source: the format's name.  scene: layers back to front.  captions: sentences about the picture.
    modal: True if masks are only the visible parts, False if they are whole (amodal).
    ordered: True if the order of the layers is their depth, as the set says it; else it was chosen by size.
    image: the photograph (a file, or its place in a shard), or None; it is not loaded unless asked for.
    whole: for each layer whether the set says that nothing hides and no border cuts it; None where it says nothing.
    layer_captions: a sentence about each layer, "" for none; () where the set has no such sentences.
    parts: of layers, where the set annotates them (ADE20K).
    absent, incomplete: names that the set says are not in the picture, or annotated there only in part (LVIS).
    """

    key: str
    source: str
    scene: Scene
    captions: tuple[str, ...] = ()
    modal: bool = True
    image: Path | TarMember | None = None
    name: str = ""
    ordered: bool = False
    whole: tuple[bool | None, ...] = ()
    layer_captions: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    absent: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()


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
