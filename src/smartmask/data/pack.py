"""All layouts in one small file or a folder of such: Parquet, no photographs, no captions or masks lost.

What a row holds is told in ``pack_rows.py``. ``write_pack`` writes records that are at hand; data sets are packed by
``packing/``, in parts, by several processes or machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

from smartmask.data.pack_rows import COCO_SOURCES, MAX_SIDE, VERSION, PackWriter, Row, decode_top, row_of, schema
from smartmask.data.packing.index import pack_parts
from smartmask.data.record import Record
from smartmask.geometry import rle_decode
from smartmask.io.publish import output_folder, replacing
from smartmask.io.reading import read_parquet
from smartmask.io.sentences import reason_of
from smartmask.scene import Layer, Scene

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class PackReport:
    """What ``write_pack`` wrote: scenes and layers by source, pictures left out as doubles, bytes of the file."""

    scenes: dict[str, int] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    doubles: int = 0
    size: int = 0

    def count(self, row: Row) -> None:
        source = row["source"]
        self.scenes[source] = self.scenes.get(source, 0) + 1
        self.layers[source] = self.layers.get(source, 0) + len(row["layer_names"])


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
    path = Path(path)
    report, seen = PackReport(), set[str]()
    output_folder(path.parent)
    with replacing(path) as handle:
        with PackWriter(handle) as writer:
            for record in records:
                if record.source in COCO_SOURCES:
                    if record.key in seen:
                        report.doubles += 1
                        continue
                    seen.add(record.key)
                row = row_of(record, max_side)
                writer.add(row)
                report.count(row)
        if not report.scenes:
            raise ValueError(f"There is no scene to write to {path}.")
    report.size = path.stat().st_size
    return report


# --- reading -----------------------------------------------------------------------------------


class Pack(Sequence[Record]):
    """A pack file, or a folder of parts, held in memory as it is stored (1 KB a scene); ``pack[i]`` decodes one Record.

    Scenes have no photograph. Raises ValueError, naming the file, if it is missing or not a pack.
    """

    def __init__(self, path: str | Path) -> None:
        import pyarrow as pa

        self.path = Path(path)
        if self.path.is_dir():
            self._hold(pa.concat_tables([_checked(part) for part in pack_parts(self.path)]))
        else:
            self._hold(_checked(self.path))

    @classmethod
    def of(cls, table: pa.Table, path: Path) -> Self:
        """A pack of rows in memory. path: where they came from, for sentences."""
        pack = cls.__new__(cls)
        pack.path = path
        pack._hold(table)
        return pack

    def _hold(self, table: pa.Table) -> None:
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


def _checked(path: Path) -> pa.Table:
    """The table of one file; ValueError if it is no pack."""
    table = read_parquet(path, "pack")
    version = (table.schema.metadata or {}).get(b"smartmask_pack", b"").decode(errors="replace")
    if version != VERSION:
        raise ValueError(f"{path} is not a SmartMask pack of version {VERSION}; write it again.")
    wrong = [field.name for field in schema() if field.name not in table.column_names
             or table.schema.field(field.name).type != field.type]  # fmt: skip
    if wrong:
        raise ValueError(f"{path} is damaged: its column '{wrong[0]}' is not as it should be; write it again.")
    return table


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
