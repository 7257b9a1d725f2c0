"""What every guide is: a statement about an object's place, its map G, and what it promises.

A guide is evaluated at any continuous scene coordinates (pixel edges; the centre of pixel (row, col) is
(col + .5, row + .5)), so the same guide can be drawn on the whole scene or inside an object's frame without
resampling. G lies in [0, 1]. Coordinates are (x, y), sizes (height, width).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.io.checks import GUIDE_REACH, GUIDE_ROOM, MAX_POINTS, real
from smartmask.io.sentences import short_repr


@dataclasses.dataclass(frozen=True)
class Promise:
    """What a kind of guide says about the object: numbers in [0, 1], the kind's embedding.

    Whoever reads guides decides by these and never by the kind, so a new kind needs neither edits nor new weights.
    Above .5 a promise is relied on; below, it holds more or less.
    bounds: the object's box is the guide's extent. rough: the extent tells about where the object ends. inside: what
    is marked lies on the object. covers: the object lies in what is marked. mass: the object's mass lies where G's
    does. outline: the object's outline runs where G passes one half. rim: that runs outside the object's by what a
    brush adds. lines: what is marked are strokes, whose course says more than their width.
    """

    bounds: float = 0.0
    rough: float = 0.0
    inside: float = 0.0
    covers: float = 0.0
    mass: float = 0.0
    outline: float = 0.0
    rim: float = 0.0
    lines: float = 0.0

    def vector(self) -> np.ndarray:
        """``(PROMISE,)`` float32, in the order above."""
        return np.array(dataclasses.astuple(self), np.float32)


PROMISE = len(dataclasses.fields(Promise))  # numbers of a kind's embedding


class Guide(ABC):
    """Base of all guides; a kind is a frozen dataclass that inherits it, in a file of its own, and a line in the table.

    kind: its name, also of its option. promise: see there. number: the kind's own, for seeds of chance; never changed,
    never given twice. share: how often training draws it (relative). form, about: of its option text, for people.
    """

    kind: ClassVar[str]
    promise: ClassVar[Promise]
    number: ClassVar[int]
    share: ClassVar[float] = 0.0
    form: ClassVar[str]
    about: ClassVar[str]

    # --- where it is -----------------------------------------------------------------------------

    @abstractmethod
    def extent(self, height: int, width: int) -> BoxXYXY:
        """The rough box of the object that this guide speaks of, in pixel edges; may cross the border."""

    @abstractmethod
    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """G in [0, 1] at scene coordinates ``x, y`` (any one shape), float32 of their shape."""

    def drawn(self, height: int, width: int) -> np.ndarray:
        """``(H, W)`` float32: G at the pixels of a scene of that size."""
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        return self.sample(x, y, height, width)

    def spots(self, height: int, width: int) -> np.ndarray:
        """``(k, 2)`` x, y that lie on the object, of a guide that is a place rather than an extent; else its middle."""
        x0, y0, x1, y1 = self.extent(height, width)
        return np.array([((x0 + x1) / 2, (y0 + y1) / 2)])

    def lines(self) -> list[np.ndarray]:
        """The strokes, each (n, 2) x, y, of a guide that promises lines."""
        return []

    def line_width(self, height: int, width: int) -> float:
        """How wide in pixels its strokes are."""
        return 1.0

    def moments(self) -> tuple[float, float, float, float] | None:
        """``(cx, cy, sx, sy)`` centre and standard deviations of the mass, if the guide is given by them."""
        return None

    # --- whether it suits a scene ------------------------------------------------------------------

    def misfit(self, height: int, width: int) -> str | None:
        """One sentence, with the scene's size, on why the guide does not suit a scene; None if it does.

        It may cross the border by GUIDE_REACH of the scene's sides, or GUIDE_ROOM pixels, and has to touch the scene.
        """
        numbers = ",".join(f"{value:g}" for value in self.whereabouts(height, width))
        x0, y0, x1, y1 = self.extent(height, width)
        reach = max(GUIDE_REACH * max(height, width), GUIDE_ROOM)
        if min(x0, y0) < -reach or x1 > width + reach or y1 > height + reach:
            return (
                f"The {self.kind} at {numbers} reaches more than {reach} pixels beyond the scene, which is "
                f"{width}x{height}; keep it nearer."
            )
        if not self.outside(height, width):
            return None
        return f"The {self.kind} at {numbers} lies outside the scene, which is {width}x{height}."

    def count(self) -> int:
        """How many points it is made of, which is what a long one costs."""
        return 1

    def outside(self, height: int, width: int) -> bool:
        """Whether all of it lies beyond the border."""
        x0, y0, x1, y1 = self.extent(height, width)
        return x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height

    def whereabouts(self, height: int, width: int) -> Sequence[float]:
        """The numbers that tell people which guide is meant."""
        return self.extent(height, width)

    # --- texts and files ---------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str) -> Guide:
        """The guide of an option text. Raises ValueError that names the text and the form."""
        return cls(*numbers_of(text, cls.kind, cls.form))

    def to_json(self) -> dict[str, Any]:
        """The kind and all that makes the guide, in numbers, texts and lists; ``from_json`` reads it."""
        return {"kind": self.kind, **dataclasses.asdict(self)}  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The guide of ``to_json``'s fields, without the kind. Raises ValueError for wrong ones."""
        return cls(**fields)

    def describe(self) -> dict[str, Any]:
        """What a result says of it: ``to_json``, or less where that would be pixels."""
        return self.to_json()

    # --- chance ------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        """As a user would give it for the object ``mask`` ((H, W) bool, not empty), without knowing its outline.

        exact: without jitter where a hand has it, for evaluation.
        """


def finite(guide: Guide, *names: str) -> None:
    """Makes numbers of the named fields. Raises ValueError unless all are finite numbers."""
    given = [getattr(guide, name) for name in names]
    for name, value in zip(names, given, strict=True):
        number = real(value)
        if number is None:
            shown = ",".join(short_repr(one, 30) for one in given)
            raise ValueError(f"The {guide.kind} {shown} has a coordinate that is not a finite number.")
        object.__setattr__(guide, name, value if type(value) is int else number)


def point_arrays(given: Any, kind: str, part: str) -> list[np.ndarray]:
    """A list of (x, y) points, or a list of such lists, as arrays (n, 2). ValueError for anything else.

    part: what one list is called ("stroke").
    """
    if not isinstance(given, Iterable):
        raise ValueError(f"The {kind} is {short_repr(given)}; it is a list of (x, y) points.")
    parts: Any = list(given)
    if not parts:
        raise ValueError(f"The {kind} is empty; give at least one (x, y) point.")
    try:
        nested = np.ndim(parts[0][0]) > 0
        parts = parts if nested else [parts]
        arrays = [_numbers(one) for one in parts]
    except (IndexError, KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(f"The {kind} starts with {short_repr(parts[0])}; it is a list of (x, y) points.") from None
    for array in arrays:
        if array.ndim != 2 or array.shape[1] != 2 or array.shape[0] == 0:
            raise ValueError(f"A {kind} {part} has shape {array.shape}; it is a list of (x, y) points.")
        odd = array[~np.isfinite(array).all(axis=1)]
        if odd.size:
            raise ValueError(f"The {kind} has the point {odd[0][0]:g},{odd[0][1]:g}, which is not finite.")
    total = sum(map(len, arrays))
    if total > MAX_POINTS:
        raise ValueError(f"The {kind} has {total:,} points; at most {MAX_POINTS:,} are read: leave out every other.")
    return arrays


def _numbers(points: Any) -> np.ndarray:
    """float64 of numbers alone, while numpy would read texts and True as well."""
    array = np.asarray(points)
    if array.dtype.kind == "O":  # numbers too large for its whole numbers, or anything else
        if array.ndim != 2 or any(real(value) is None for value in array.flat):
            raise TypeError
    elif array.dtype.kind not in "iuf":
        raise TypeError
    return array.astype(np.float64)


def numbers_of(text: str, kind: str, form: str) -> tuple[float, ...]:
    """The numbers of an option text, as many as the form's first part has."""
    count = form.split(";")[0].count(",") + 1
    parts = text.split(",", count + 1)
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError as error:
        raise ValueError(f"--{kind} {short_repr(text)} is not a list of numbers; write {form}.") from error
    if len(numbers) != count:
        found = text.count(",") + 1
        raise ValueError(f"--{kind} {short_repr(text)} has {found} numbers instead of {count}; write {form}.")
    return numbers


def points_of(text: str, kind: str, form: str, part: str) -> list[list[tuple[float, ...]]]:
    """The lists of points of an option text "x,y;x,y;...", separated by "|"."""
    if (many := text.count(";")) > MAX_POINTS:
        raise ValueError(f"--{kind} has {many:,} points; at most {MAX_POINTS:,} are read: leave out every other.")
    lists = []
    for one in text.split("|"):
        points = [point for point in one.split(";") if point.strip()]
        if not points:
            raise ValueError(
                f"--{kind} {short_repr(text)} has an empty {part}; give points x,y;x,y;... between the bars."
            )
        lists.append([numbers_of(point, kind, form) for point in points])
    return lists


Guidance = Guide | Sequence[Guide] | None


def draw(guides: Sequence[Guide], height: int, width: int) -> np.ndarray:
    """G of all guides combined by maximum: ``(H, W)`` float32 in [0, 1]; zeros without guides."""
    combined = np.zeros((height, width), dtype=np.float32)
    for guide in guides:
        combined = np.maximum(combined, guide.drawn(height, width))
    return combined


def sample(guides: Sequence[Guide], x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
    """G of all guides, combined by maximum, at scene coordinates ``x, y``: float32 of their shape."""
    combined = np.zeros(np.shape(x), dtype=np.float32)
    for guide in guides:
        combined = np.maximum(combined, guide.sample(x, y, height, width))
    return combined


def extent(guides: Sequence[Guide], height: int, width: int) -> BoxXYXY | None:
    """Rough box of the object the guides speak of: one that bounds it wins, else the union of extents."""
    boxes = [guide for guide in guides if guide.promise.bounds >= 0.5] or list(guides)
    if not boxes:
        return None
    corners = np.array([g.extent(height, width) for g in boxes])
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
