"""The rows of packs: what is kept of a picture's layout, and how; the one form of it in files and shards.

A row is a picture, its longer side at most MAX_SIDE pixels unless its photograph goes with it:

* ``top``: the index map of what is visible (0 unlabeled, i + 1 = layer i), as lossless WebP, or as a
  16-bit PNG when there are more than 254 layers or a side is beyond WebP's;
* ``hidden``: the amodal masks that differ from what is visible of their layer, as COCO run lengths;
* name, kind, area and box of each layer as plain columns, so that an index of objects can be built
  without decoding a mask.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import cv2
import numpy as np
from PIL import Image

from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.geometry import mask_box, rle_encode
from smartmask.scene import Layer, Scene

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"
MAX_SIDE = 512
# best first: one picture may occur in several
COCO_SOURCES = ("cocoa", "cocoa_cls", "coco_panoptic", "coco_instances", "coco_more")
GROUP = 1000  # rows of a Parquet group, which are held in memory while writing
_WEBP_LAYERS = 254
_WEBP_SIDE = 16383

Row = dict[str, Any]


def shrink(scene: Scene, max_side: int) -> Scene:
    """The scene with its longer side at most ``max_side``, by nearest pixel; emptied layers and the photo go."""
    longest = max(scene.height, scene.width)
    if longest <= max_side:
        return replace(scene, photo=None)
    height = max(1, round(scene.height * max_side / longest))
    width = max(1, round(scene.width * max_side / longest))
    rows = ((np.arange(height) + 0.5) * scene.height / height).astype(int)
    cols = ((np.arange(width) + 0.5) * scene.width / width).astype(int)
    layers = []
    for layer in scene.layers:
        mask = layer.mask[rows[:, None], cols[None, :]]
        if mask.any():
            layers.append(Layer(layer.name, mask, layer.thing))
    return Scene(height, width, tuple(layers), None, scene.caption, scene.source)


def row_of(record: Record, max_side: int | None = MAX_SIDE) -> Row:
    """A record's row, scaled to ``max_side`` (None: as large as it is)."""
    if max_side is not None:
        record = replace(record, scene=shrink(record.scene, max_side))
    scene = record.scene
    top = scene.top() + 1
    hidden: list[Row] = []
    areas: list[int] = []
    boxes: list[int] = []
    visible_areas = np.bincount(top.ravel(), minlength=len(scene.layers) + 1)[1:]
    for index, layer in enumerate(scene.layers):
        area = int(np.count_nonzero(layer.mask))
        areas.append(area)
        boxes.extend(int(edge) for edge in mask_box(layer.mask) or (0, 0, 0, 0))
        if area != visible_areas[index]:
            hidden.append({"layer": index, "rle": rle_encode(layer.mask)["counts"].encode()})
    return {
        "name": record.name or record.key,
        "key": record.key,
        "source": record.source,
        "split": split_of(record.key),
        "height": scene.height,
        "width": scene.width,
        "modal": record.modal,
        "captions": list(record.captions),
        "layer_names": [layer.name for layer in scene.layers],
        "layer_things": [layer.thing for layer in scene.layers],
        "areas": areas,
        "visible_areas": visible_areas.tolist(),
        "boxes": boxes,
        "top": encode_top(top),
        "hidden": hidden,
    }


def encode_top(top: np.ndarray) -> bytes:
    """``(H, W)`` ints from 0 as lossless WebP (up to 254, and 16383 pixels a side), or as
    16-bit PNG (up to 65535)."""
    highest = int(top.max(initial=0))
    if highest > 65535:
        raise ValueError(f"A scene of {highest} layers does not fit the pack, which holds up to 65535.")
    stream = io.BytesIO()
    if highest <= _WEBP_LAYERS and max(top.shape) <= _WEBP_SIDE:
        grey = Image.fromarray(top.astype(np.uint8)).convert("RGB")
        grey.save(stream, "WEBP", lossless=True, quality=80, method=4)
    else:
        Image.fromarray(top.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def decode_top(data: bytes) -> np.ndarray:
    """``(H, W)`` uint8 or uint16 index map of ``encode_top``. Raises ValueError if the bytes are broken."""
    top = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if top is None:
        raise ValueError("An index map of the pack is broken; write the pack again.")
    return top if top.ndim == 2 else np.ascontiguousarray(top[..., 0])


def schema() -> pa.Schema:
    """The columns of a pack, and its version."""
    import pyarrow as pa

    fields = [
        ("name", pa.string()),
        ("key", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("modal", pa.bool_()),
        ("captions", pa.list_(pa.string())),
        ("layer_names", pa.list_(pa.string())),
        ("layer_things", pa.list_(pa.bool_())),
        ("areas", pa.list_(pa.int32())),
        ("visible_areas", pa.list_(pa.int32())),
        ("boxes", pa.list_(pa.int32())),
        ("top", pa.binary()),
        ("hidden", pa.list_(pa.struct([("layer", pa.int32()), ("rle", pa.binary())]))),
    ]
    return pa.schema(fields, metadata={"smartmask_pack": VERSION})


def _leaf_columns() -> list[str]:
    """Parquet's paths of the columns, as its compression option wants them."""
    nested = {"hidden": ["hidden.list.element.layer", "hidden.list.element.rle"]}
    lists = ("captions", "layer_names", "layer_things", "areas", "visible_areas", "boxes")
    names = []
    for name in schema().names:
        names += nested.get(name, [f"{name}.list.element"] if name in lists else [name])
    return names


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema())


class PackWriter:
    """Writes rows into an open Parquet file, GROUP of them at a time, so that the same rows make the same bytes however
    they come; a context, at whose end the file is whole."""

    def __init__(self, handle: BinaryIO) -> None:
        import pyarrow.parquet as pq

        compression = {name: "none" if name == "top" else "zstd" for name in _leaf_columns()}
        levels = {name: 19 for name, codec in compression.items() if codec == "zstd"}
        self._writer = pq.ParquetWriter(handle, schema(), compression=compression, compression_level=levels)
        self._rows: list[Row] = []
        self._rest: pa.Table | None = None
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None and self._rows:
            self._group(self._rows)
        if kind is None and self._rest is not None and len(self._rest):
            self._writer.write_table(self._rest.combine_chunks())
        self._writer.close()

    def add(self, row: Row) -> None:
        """One more row; not beside ``add_table`` in one file."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == GROUP:
            self._group(self._rows)
            self._rows = []

    def add_table(self, table: pa.Table) -> None:
        """More rows."""
        import pyarrow as pa

        self.count += len(table)
        rest = table if self._rest is None else pa.concat_tables([self._rest, table])
        while len(rest) >= GROUP:
            self._writer.write_table(rest.slice(0, GROUP).combine_chunks())
            rest = rest.slice(GROUP)
        self._rest = rest.combine_chunks()  # lets go of what was written

    def _group(self, rows: Sequence[Row]) -> None:
        self._writer.write_table(table_of(rows))
