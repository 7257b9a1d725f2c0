"""Photographs for models, in shards: pieces of a source that a worker reads, each of which becomes one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.batch.job import Running
from smartmask.batch.sources import Item, count_items, items_of
from smartmask.batch.tasks import Task, digest_of
from smartmask.data.captions import PHOTOS
from smartmask.data.record import Job, Record
from smartmask.data.registry import formats, jobs
from smartmask.data.splits import coco_key
from smartmask.image.files import load_photo
from smartmask.io.settings import argument, option
from smartmask.io.tar import TarMember
from smartmask.scene import Scene

_COCO = re.compile(r"(?:COCO_[a-z]+\d{4}_)?\d{12}")
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Shard:
    """Pictures ``start`` to ``stop`` (exclusive) of a source: of ``format``, or none for a folder, manifest or tar."""

    format: str
    path: str
    start: int
    stop: int


@dataclass(frozen=True)
class Picture:
    """One picture of a shard, not yet read. name: in messages.  read: its record, and the photo (H, W, 3) uint8 RGB."""

    name: str
    read: Callable[[], tuple[Record, np.ndarray]]


class Pictures(Running):
    """A batch in which a model sees photographs, some at once, and each shard of them becomes a file."""

    source: str = argument(
        "Photos: FORMAT=PATH of a data set, a folder, a manifest (.jsonl) or a shard (.tar).", metavar="SOURCE"
    )
    shard: int = option(256, "Pictures of a file: what is lost at most, by each worker, when it is killed.", ge=1)
    batch: int = option(8, "Pictures that go through the model together.", ge=1, le=4096)
    device: str = option("cpu", "cpu, cuda, or one for each worker in turn: cuda:0,cuda:1.")
    dtype: str = option("float32", "Numbers of the model: float32, bfloat16 or float16.", metavar="|".join(DTYPES))

    def checked_device(self) -> None:
        """Raises ValueError for a device that torch has not, and for unknown numbers."""
        import torch

        if self.dtype not in DTYPES:
            raise ValueError(f"There are no numbers '{self.dtype}'; use {', '.join(DTYPES)}.")
        for name in self.device.split(","):
            try:
                device = torch.device(name)
            except RuntimeError:
                raise ValueError(f"There is no device '{name}'; give cpu, cuda or cuda:0.") from None
            if self.ray is None and device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
                raise ValueError(f"The device '{name}' is not there ({torch.cuda.device_count()} GPUs are); use cpu.")

    def device_of(self, worker: int) -> str:
        """The device of a worker."""
        names = self.device.split(",")
        return names[worker % len(names)]

    @property
    def on_gpus(self) -> bool:
        """Whether each worker needs a GPU."""
        return self.device.startswith("cuda")

    def shards(self, suffix: str, settings: Any) -> list[Task]:
        """A task a shard, named by its number, for a file of that suffix. settings: all else that its content is of.

        Raises ValueError where there are no pictures.
        """
        format, path = parse_pictures(self.source)
        count = len(_jobs(format, path)) if format else count_items(Path(path))
        if not count:
            raise ValueError(f"{self.source} holds no picture.")
        tasks = []
        for number, start in enumerate(range(0, count, self.shard)):
            piece = Shard(format, path, start, min(start + self.shard, count))
            names = [] if format else [item.id for item in _items(path)[piece.start : piece.stop]]
            tasks.append(Task(f"{number:06d}{suffix}", piece, digest_of([vars(piece), names, settings])))
        return tasks


def parse_pictures(text: str) -> tuple[str, str]:
    """``(format, path)`` of FORMAT=PATH; the format is empty for a folder, manifest or tar."""
    format, equals, path = text.partition("=")
    if equals and format in formats():
        return format, path
    if equals and not Path(text).exists():
        raise ValueError(f"'{text}' is neither FORMAT=PATH nor a path; known formats are {', '.join(formats())}.")
    return "", text


def pictures_of(shard: Shard) -> Iterator[Picture]:
    """The pictures of a shard. A data set's picture without a photograph is left out, once it is read."""
    if shard.format:
        for number, job in enumerate(_jobs(shard.format, shard.path)[shard.start : shard.stop], shard.start):
            yield Picture(f"{shard.format} {number}", partial(_of_job, job))
        return
    for item in _items(shard.path)[shard.start : shard.stop]:
        yield Picture(item.id, partial(_of_item, item))


@lru_cache(maxsize=1)
def _jobs(format: str, path: str) -> tuple[Any, ...]:
    return tuple(jobs(format, path))


@lru_cache(maxsize=1)
def _items(path: str) -> tuple[Item, ...]:
    return tuple(items_of(Path(path)))


def _of_job(job: Job) -> tuple[Record, np.ndarray]:
    record = job()
    if record.image is None:
        raise ValueError(f"The picture '{record.name or record.key}' of {record.source} has no photograph beside it.")
    photo = load_photo(record.image)
    size = record.scene.height, record.scene.width
    if photo.shape[:2] != size:
        own = f"{photo.shape[1]}x{photo.shape[0]}"
        raise ValueError(f"The photo {record.image} is {own}, but its annotation says {size[1]}x{size[0]}.")
    return record, photo


def _of_item(item: Item) -> tuple[Record, np.ndarray]:
    image = {**item.files, **item.settings}.get("image")
    if image is None:
        raise ValueError(f"'{item.id}' has no photo.")
    image = image if isinstance(image, TarMember) else Path(image)
    photo = load_photo(image)
    scene = Scene(photo.shape[0], photo.shape[1], ())
    return Record(key_of(item.id), PHOTOS, scene, image=image, name=item.id), photo


def key_of(name: str) -> str:
    """The split key of a photo: a COCO file's image id, else the file's name without folders and extension."""
    stem = name.rpartition("/")[2]
    return coco_key(stem) if _COCO.fullmatch(stem) else stem


def with_layers(record: Record, layers: tuple[Any, ...], source: str) -> Record:
    """The record with other layers, of what is visible, as a source of that name."""
    scene = Scene(record.scene.height, record.scene.width, layers, caption=record.scene.caption)
    return replace(record, scene=scene, source=source, modal=True)
