"""``smartmask batch``: masks for many pictures and scenes, each as if 'smartmask masks' were called for it alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.batch.job import BatchReport, Running
from smartmask.batch.requests import read_request
from smartmask.batch.sources import Item, check_outside, count_items, items_of, unpacked
from smartmask.batch.tasks import Task, digest_of
from smartmask.io.publish import RESULT
from smartmask.io.reading import read_json
from smartmask.io.settings import argument, internal, option
from smartmask.io.watch import Watch, unwatched
from smartmask.masks.draws import Draws
from smartmask.masks.job import MasksJob
from smartmask.masks.model import MaskOptions
from smartmask.masks.objects import ObjectTexts
from smartmask.masks.weights import Weights
from smartmask.scene import Scene
from smartmask.scene.scene_file import load_scene

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline

# what an item may say otherwise, and what stays loaded
_COMMON = set(MasksJob.model_fields) - {"out", "image", "names", "named"}


class BatchJob(MaskOptions, ObjectTexts, Draws, Weights, Running):
    """Masks for a manifest, a folder or shards. Its settings stand for every item that does not say otherwise."""

    outputs = ("out", "segmenter_cache")

    source: Path = argument(
        "A manifest (.jsonl), a folder of photos or scenes, or shards of them (.tar, .parquet).", metavar="SOURCE"
    )
    names: Path | None = option(None, "Names of the ids of all label maps that have none beside them.", metavar="JSON")
    not_box: tuple[str, ...] = option((), "Where no object is; may be repeated.", metavar="x0,y0,x1,y1")
    segmenter: str | None = option(
        None, "Panoptic model (hub name or folder) that reads photos without a layout.", metavar="MODEL"
    )
    segmenter_cache: Path | None = option(None, "Folder that keeps what the panoptic model read.", metavar="DIR")

    def run(self, watch: Watch = unwatched) -> BatchReport:
        """Masks of every item into ``out/ID``. Raises ValueError for wrong settings and sources, before any work."""
        self.checked()
        check_outside(self.out, self.source)
        total = count_items(self.source)
        common = self.common()
        tasks = (self._task(item, common) for item in items_of(self.source))
        return self.go(
            "masks", tasks, total, MakeMasks(self), lambda task: (self.out / task.id / RESULT).is_file(), watch
        )

    def common(self) -> dict[str, Any]:
        """The settings that items share: those that differ from what they are by default."""
        return self.model_dump(include=_COMMON, exclude_defaults=True)

    def _task(self, item: Item, common: Mapping[str, Any]) -> Task:
        return Task(item.id, item, digest_of([common, str(self.names or ""), vars(item)]))


class BatchMasks(MasksJob):
    """One item's call: ``smartmask masks`` with a pipeline that is loaded already, and perhaps a scene without a photo.

    shown: {path of a file unpacked: where it came from}.
    """

    pipeline: Any = internal(None, "The loaded pipeline.")
    given: Any = internal(None, "The scene, where it is no photo's.")
    shown: dict[str, str] = internal({}, "What files are called in the result.")

    def load(self) -> SmartMaskPipeline:
        return self.pipeline

    def read(self, image: Path, photo: np.ndarray | None = None) -> tuple[Scene, tuple[str, ...]]:
        return super().read(image, photo) if self.given is None else (self.given, ())

    def told(self) -> dict[str, Any]:
        said = super().told()
        return {key: self.shown.get(value, value) if isinstance(value, str) else value for key, value in said.items()}


class MakeMasks:
    """Makes workers of a batch: the pipeline is loaded once in each."""

    def __init__(self, job: BatchJob) -> None:
        self.job = job

    def __call__(self, number: int) -> MasksOf:
        return MasksOf(self.job, self.job.load())


class MasksOf:
    """Makes and publishes the masks of items."""

    def __init__(self, job: BatchJob, pipeline: SmartMaskPipeline) -> None:
        self.job, self.pipeline, self.common = job, pipeline, job.common()

    def __call__(self, task: Task) -> dict[str, Any]:
        item: Item = task.payload
        with unpacked(item) as (files, shown):
            try:
                request = self.request(item, files)
                scene = self._scene(item, request)
                job = BatchMasks.of(
                    **request, out=self.job.out / item.id, pipeline=self.pipeline, given=scene, shown=shown
                )
                result = job.run()
            except ValueError as error:
                text = str(error)
                for path, name in shown.items():
                    text = text.replace(path, name)
                raise ValueError(text) from error
        return {"masks": len(result.records)}

    def request(self, item: Item, files: Mapping[str, str]) -> dict[str, Any]:
        """The settings of an item's call: its own, those beside its photo, and the batch's, in this order."""
        own = dict(item.settings)
        beside = dict(files)
        written = beside.pop("request", None)
        if written is not None:
            own |= read_request(
                read_json(written, "request", unique=True), f"The request '{written}'", Path(written).parent
            )
        for kind in {"mask", "scribble"} & set(beside):
            beside[kind] = (beside[kind],)  # type: ignore[assignment]
        found = {**self.common, **beside, **own}
        if self.job.names is not None and "layout" in found and not {"names", "panoptic"} & set(found):
            found["names"] = self.job.names
        return found

    def _scene(self, item: Item, request: dict[str, Any]) -> Scene | None:
        """The scene of an item without a photo; its name stands for the photo's."""
        if item.pack is not None:
            request["image"] = Path(item.pack) / item.id.rpartition("/")[2]
            return _pack(item.pack).scene(item.index)
        if "image" in request or "scene" not in request:
            return None
        request["image"] = Path(request.pop("scene"))
        return load_scene(request["image"])[0]


@lru_cache(maxsize=2)
def _pack(path: str) -> Any:
    from smartmask.data.pack import Pack

    return Pack(path)
