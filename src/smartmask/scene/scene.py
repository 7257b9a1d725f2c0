"""Scene and Layer: ordered amodal masks, their stacking (f_layer), insertion, and label maps in and out.

The stack of the first k layers is SmartMask's intermediate semantic map ``S_k = f_layer({A_1..A_k})``
(arXiv 2312.05039, section 3.1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.io.checks import MAX_PIXELS
from smartmask.scene.label_map import label_ids, layers_of_labels, panoptic_ids, panoptic_of, read_segments
from smartmask.scene.layer import Layer


@dataclass(frozen=True, eq=False)
class Scene:
    """A size, layers ordered back (index 0) to front, and optionally the photograph and its caption.

    height, width: in pixels.  layers: tuple of Layer, masks all (height, width).
    photo: (H, W, 3) uint8 RGB or None.  caption: a sentence about the whole picture or None.
    Scenes are immutable: every change returns a new Scene that shares the untouched layers.
    """

    height: int
    width: int
    layers: tuple[Layer, ...] = ()
    photo: np.ndarray | None = None
    caption: str | None = None
    source: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"A scene of {self.width}x{self.height} has no pixels; both sides must be at least 1.")
        if self.height * self.width > MAX_PIXELS:
            raise ValueError(
                f"A scene of {self.width}x{self.height} is larger than {MAX_PIXELS:,} pixels; scale it down first."
            )
        object.__setattr__(self, "layers", tuple(self.layers))
        for layer in self.layers:
            self._check_size(layer.window, f"Layer '{layer.name}'")
        if self.photo is not None and self.photo.shape[:2] != (self.height, self.width):
            height, width = self.photo.shape[:2]
            raise ValueError(f"The photo is {width}x{height}, but the scene is {self.width}x{self.height}.")

    def _check_size(self, mask: MaskWindow, what: str) -> None:
        if mask.shape != (self.height, self.width):
            raise ValueError(f"{what} is {mask.width}x{mask.height}, but the scene is {self.width}x{self.height}.")

    # --- ways in -----------------------------------------------------------------------------

    @classmethod
    def empty(cls, height: int, width: int) -> Scene:
        """A scene with no layer: the empty canvas. Raises ValueError unless both are whole numbers above 0."""
        for name, value in (("height", height), ("width", width)):
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ValueError(f"The {name} of the scene is {value!r}; it must be a whole number of pixels.")
        return cls(int(height), int(width))

    @classmethod
    def from_label_map(
        cls,
        labels: np.ndarray,
        names: Mapping[int, str],
        things: Collection[int | str] | None = None,
        *,
        split_instances: bool = False,
        min_area: int = 1,
    ) -> Scene:
        """Scene of a ``(H, W)`` integer label map, each id one region, visible parts only.

        names: {id: name}; two ids may share a name (two instances). Ids 0 and 255 are unlabeled
        unless named; any other id without a name is a ValueError.
        things: the ids or names that are things; None decides by name.
        split_instances: separate parts of a thing id become layers of their own, those under
        ``min_area`` pixels dropped; otherwise nothing is split.
        Layers run stuff first, then things, each from large to small.
        """
        labels = np.asarray(labels)
        layers = layers_of_labels(labels, names, things, split_instances, min_area)
        height, width = labels.shape
        return cls(height, width, layers)

    @classmethod
    def from_panoptic(
        cls,
        segment_ids: np.ndarray,
        segments: Sequence[Mapping[str, Any]],
        categories: Iterable[Mapping[str, Any]] | None = None,
    ) -> Scene:
        """Scene of a COCO panoptic map.

        segment_ids: (H, W) ints, or (H, W, 3) uint8 as read from the PNG (id = R + 256 G + 65536 B).
        segments: the image's ``segments_info`` (id, category_id). categories: COCO category dicts
        (id, name, isthing); None means COCO's 133. Id 0 is unlabeled; an id on the map that
        ``segments`` lacks, or a category that ``categories`` lacks, is a ValueError.
        """
        ids = np.asarray(segment_ids)
        if ids.ndim == 3:
            ids = panoptic_ids(ids)
        return cls.from_label_map(ids, *read_segments(ids, segments, categories))

    @classmethod
    def from_image(
        cls, image: str | Path | np.ndarray, model: str | Path | None = None, cache: str | Path | None = None
    ) -> Scene:
        """Scene of a photograph, read by a panoptic model (a hub name or a local folder); see segment.py.

        Without a model's name by the default one if it was fetched earlier, else it stays unlabeled:
        ``source`` says which. cache: a folder that keeps what a model read; None keeps nothing.
        """
        from smartmask.scene.segment import read_photo  # brings OpenCV's and the hub's modules

        reading, _ = read_photo(image, model, cache=cache)
        height, width = reading.photo.shape[:2]
        return cls(height, width, reading.layers, reading.photo, source=reading.source)

    # --- what is seen ------------------------------------------------------------------------

    def top(self, dtype: type[np.signedinteger[Any]] = np.int32) -> np.ndarray:
        """``(H, W)`` of a signed ``dtype``: the index of the front-most layer at each pixel, -1 where unlabeled."""
        top = np.full((self.height, self.width), -1, dtype=dtype)
        for index, layer in enumerate(self.layers):
            layer.window.paint_into(top, index)
        return top

    def top_at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """``(rows, columns)`` int32: ``top`` where whole rows (r,) and columns (c,) meet, -1 beyond the border."""
        top = np.full((len(rows), len(columns)), -1, dtype=np.int32)
        for index, layer in enumerate(self.layers):
            top[layer.window.at(rows, columns)] = index
        return top

    def covered(self, order: int | None) -> np.ndarray:
        """``(H, W)`` bool: pixels that layers at ``order`` and in front of it cover (None: nothing)."""
        covered = np.zeros((self.height, self.width), dtype=bool)
        for window in self.fronts(order):
            window.paint_into(covered)
        return covered

    def fronts(self, order: int | None) -> list[MaskWindow]:
        """The masks of the layers at ``order`` and in front of it (None: none)."""
        return [layer.window for layer in self.layers[self._index(order) :]]

    def visible(self, index: int) -> np.ndarray:
        """``(H, W)`` bool: layer ``index`` minus all that stands in front of it."""
        return self.seen(index).dense()

    def seen(self, index: int) -> MaskWindow:
        """``visible`` as a window."""
        count = len(self.layers)
        if not -count <= index < count:
            raise ValueError(f"Layer {index} does not exist; the scene has {count} layers.")
        index %= count
        return self.layers[index].window.without(self.fronts(index + 1))

    def stack(self, count: int) -> Scene:
        """The scene of the first ``count`` layers: S_k."""
        if not 0 <= count <= len(self.layers):
            raise ValueError(f"Cannot stack {count} layers; the scene has {len(self.layers)}.")
        return replace(self, layers=self.layers[:count])

    # --- changes -----------------------------------------------------------------------------

    def _index(self, order: int | None) -> int:
        if order is None:
            return len(self.layers)
        if not 0 <= int(order) <= len(self.layers):
            raise ValueError(
                f"Order {order} is outside 0..{len(self.layers)}; 0 is the back, {len(self.layers)} or None the front."
            )
        return int(order)

    def insert(self, mask: np.ndarray | MaskWindow, name: str, order: int | None = None, thing: bool = True) -> Scene:
        """A new scene with one more layer, at index ``order`` (0: behind all; None: in front of all).

        mask: (H, W) bool or a window, amodal. Layers from ``order`` on move one step to the front.
        """
        layer = Layer(name, mask, thing)
        self._check_size(layer.window, f"The mask of '{name}'")
        at = self._index(order)
        return replace(self, layers=(*self.layers[:at], layer, *self.layers[at:]))

    def remove(self, index: int) -> Scene:
        """A new scene without layer ``index``; what it hid becomes visible."""
        if not 0 <= index < len(self.layers):
            raise ValueError(f"Layer {index} does not exist; the scene has {len(self.layers)} layers.")
        return replace(self, layers=(*self.layers[:index], *self.layers[index + 1 :]))

    # --- ways out ----------------------------------------------------------------------------

    def to_label_map(self) -> tuple[np.ndarray, dict[int, str]]:
        """``((H, W) int32 ids, {id: name})`` of what is visible: id = layer index + 1, 0 = unlabeled.

        The id 255 is skipped, so that the map reads back through ``from_label_map``.
        """
        ids = label_ids(len(self.layers))
        labels = np.zeros((self.height, self.width), dtype=np.int32)
        for region, layer in zip(ids, self.layers, strict=True):
            layer.window.paint_into(labels, region)
        return labels, {i: layer.name for i, layer in zip(ids, self.layers, strict=True)}

    def to_panoptic(self) -> tuple[np.ndarray, list[dict[str, Any]], list[dict[str, Any]]]:
        """COCO panoptic ``(segment_ids (H, W, 3) uint8, segments_info, categories)`` of what is visible.

        COCO's own category ids where it knows the name and kind, else new ids from 1001 on. Layers
        wholly hidden have no segment.
        """
        return panoptic_of(self.to_label_map()[0], self.layers)
