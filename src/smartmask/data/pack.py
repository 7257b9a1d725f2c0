"""All layouts in one small file: Parquet, no photographs, no captions or masks lost.

One row a picture, its longer side at most 512 pixels:

* ``top``: the index map of what is visible (0 unlabeled, i + 1 = layer i), as lossless WebP, or as a
  16-bit PNG when there are more than 254 layers;
* ``hidden``: the amodal masks that differ from what is visible of their layer, as COCO run lengths;
* name, kind, area and box of each layer as plain columns, so that an index of objects can be built
  without decoding a mask.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.geometry import mask_box, rle_decode, rle_encode
from smartmask.io.publish import output_folder, replacing
from smartmask.io.reading import read_parquet
from smartmask.io.sentences import reason_of
from smartmask.scene import Layer, Scene

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"
MAX_SIDE = 512
COCO_SOURCES = (
    "cocoa",
    "cocoa_cls",
    "coco_panoptic",
    "coco_instances",
    "coco_more",
)  # best first: one picture may occur in several
_BATCH = 1000  # rows held in memory while writing
_WEBP_LAYERS = 254


@dataclass
class PackReport:
    """What ``write_pack`` wrote: scenes and layers by source, pictures left out as doubles, bytes of the file."""

    scenes: dict[str, int] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    doubles: int = 0
    size: int = 0

    def count(self, record: Record) -> None:
        self.scenes[record.source] = self.scenes.get(record.source, 0) + 1
        self.layers[record.source] = self.layers.get(record.source, 0) + len(record.scene.layers)


@dataclass(frozen=True)
class PackMeta:
    """The cheap columns of a pack: element i belongs to record i.

    splits: "train", "dev" or "test".  heights, widths: (n,) int32, pixels as packed.  modals: (n,) bool.
    layer_names, layer_things: per record, back to front.
    areas: per record (layers,) int64, pixels of the whole mask, hidden parts included.
    visible_areas: the same, of what is seen.
    boxes: per record (layers, 4) float32 ``x0, y0, x1, y1`` in pixel edges of the whole mask; zeros if empty.
    """

    names: list[str]
    keys: list[str]
    sources: list[str]
    splits: list[str]
    heights: np.ndarray
    widths: np.ndarray
    modals: np.ndarray
    captions: list[list[str]]
    layer_names: list[list[str]]
    layer_things: list[list[bool]]
    areas: list[np.ndarray]
    visible_areas: list[np.ndarray]
    boxes: list[np.ndarray]


# --- writing -----------------------------------------------------------------------------------


def write_pack(records: Iterable[Record], path: str | Path, max_side: int = MAX_SIDE) -> PackReport:
    """Write the records' layouts into one Parquet file, as a whole.

    A COCO image that occurs again (another COCO source, the same key) is left out: give the better
    source first, in the order of COCO_SOURCES. Larger pictures are scaled to ``max_side`` by nearest
    pixel; layers that vanish by it are left out. Raises ValueError if there is no record.
    """
    import pyarrow.parquet as pq

    path = Path(path)
    report, seen = PackReport(), set[str]()
    rows: list[dict[str, Any]] = []
    compression = {name: "none" if name == "top" else "zstd" for name in _leaf_columns()}
    levels = {name: 19 for name, codec in compression.items() if codec == "zstd"}
    output_folder(path.parent)
    with replacing(path) as handle:
        with pq.ParquetWriter(handle, _schema(), compression=compression, compression_level=levels) as writer:
            for record in records:
                if record.source in COCO_SOURCES:
                    if record.key in seen:
                        report.doubles += 1
                        continue
                    seen.add(record.key)
                record = replace(record, scene=shrink(record.scene, max_side))
                rows.append(_row(record))
                report.count(record)
                if len(rows) == _BATCH:
                    writer.write_table(_table(rows))
                    rows = []
            if rows:
                writer.write_table(_table(rows))
        if not report.scenes:
            raise ValueError(f"There is no scene to write to {path}.")
    report.size = path.stat().st_size
    return report


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


def _row(record: Record) -> dict[str, Any]:
    scene = record.scene
    top = scene.top() + 1
    hidden: list[dict[str, Any]] = []
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
    """``(H, W)`` ints from 0 as lossless WebP (up to 254), or as 16-bit PNG (up to 65535)."""
    highest = int(top.max(initial=0))
    if highest > 65535:
        raise ValueError(f"A scene of {highest} layers does not fit the pack, which holds up to 65535.")
    stream = io.BytesIO()
    if highest <= _WEBP_LAYERS:
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


def _schema() -> pa.Schema:
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
    for name in _schema().names:
        names += nested.get(name, [f"{name}.list.element"] if name in lists else [name])
    return names


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=_schema())


# --- reading -----------------------------------------------------------------------------------


class Pack(Sequence[Record]):
    """A pack file, held in memory as it is stored (a few MB); ``pack[i]`` decodes one Record.

    Scenes have no photograph. Raises ValueError, naming the file, if it is missing or not a pack.
    """

    def __init__(self, path: str | Path) -> None:

        self.path = Path(path)
        table = read_parquet(self.path, "pack")
        version = (table.schema.metadata or {}).get(b"smartmask_pack", b"").decode(errors="replace")
        if version != VERSION:
            raise ValueError(f"{self.path} is not a SmartMask pack of version {VERSION}; write it again.")
        wrong = [field.name for field in _schema() if field.name not in table.column_names
                 or table.schema.field(field.name).type != field.type]  # fmt: skip
        if wrong:
            raise ValueError(f"{self.path} is damaged: its column '{wrong[0]}' is not as it should be; write it again.")
        table = table.combine_chunks()
        self._top = table.column("top")
        self._hidden = table.column("hidden")
        try:
            self.meta = _meta(table)
        except (ValueError, TypeError, OverflowError) as error:  # nothing where a number should be
            raise ValueError(f"{self.path} is damaged ({reason_of(error)}); write it again.") from None

    def __len__(self) -> int:
        return len(self.meta.keys)

    def __iter__(self) -> Iterator[Record]:
        return (self[i] for i in range(len(self)))

    def top(self, index: int) -> np.ndarray:
        """``(H, W)`` uint8 or uint16: 0 unlabeled, i + 1 = layer i is visible. The cheapest look at a scene."""
        return decode_top(self._top[index].as_py())

    def scene(self, index: int) -> Scene:
        """The scene of record ``index``, masks decoded. Raises ValueError, naming the record, for a damaged one."""
        try:
            return self._decoded(index)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, cv2.error) as error:
            said = f"Record {index} of {self.path} is damaged ({reason_of(error)}); write the pack again."
            raise ValueError(said) from None

    def _decoded(self, index: int) -> Scene:
        meta = self.meta
        top = self.top(index)
        hidden = {h["layer"]: h["rle"] for h in self._hidden[index].as_py()}
        height, width = int(meta.heights[index]), int(meta.widths[index])
        layers = []
        for i, (name, thing) in enumerate(zip(meta.layer_names[index], meta.layer_things[index], strict=True)):
            mask = rle_decode({"size": [height, width], "counts": hidden[i]}) if i in hidden else top == i + 1
            layers.append(Layer(name, mask, thing))
        captions = meta.captions[index]
        return Scene(height, width, tuple(layers), caption=captions[0] if captions else None)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"Record {index} does not exist; {self.path} holds {len(self)}.")
        index = int(index) % len(self)
        meta = self.meta
        if None in (meta.keys[index], meta.sources[index], meta.captions[index]):
            raise ValueError(f"Record {index} of {self.path} is damaged (it has no key); write the pack again.")
        return Record(
            key=meta.keys[index],
            source=meta.sources[index],
            scene=self.scene(index),
            captions=tuple(meta.captions[index]),
            modal=bool(meta.modals[index]),
            name=meta.names[index],
        )


def _meta(table: pa.Table) -> PackMeta:
    def column(name: str) -> list[Any]:
        return table.column(name).to_pylist()

    return PackMeta(
        names=column("name"),
        keys=column("key"),
        sources=column("source"),
        splits=column("split"),
        heights=table.column("height").to_numpy(),
        widths=table.column("width").to_numpy(),
        modals=np.array(column("modal"), dtype=bool),
        captions=column("captions"),
        layer_names=column("layer_names"),
        layer_things=column("layer_things"),
        areas=[np.array(a, dtype=np.int64) for a in column("areas")],
        visible_areas=[np.array(a, dtype=np.int64) for a in column("visible_areas")],
        boxes=[np.array(b, dtype=np.float32).reshape(-1, 4) for b in column("boxes")],
    )
