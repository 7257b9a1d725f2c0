"""What every table is made of: one model's answer to one object, made once and kept.

The wrappers here have the forms of the benchmark of insertions (``insertion/makers.py``), so its rows and figures are
those of the tables too; only what costs time is looked up first. A model is loaded when the first answer of its own is
missing, so a whole run over kept answers loads none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from smartmask.data.record import Record
from smartmask.data.targets import Target
from smartmask.evaluate.systems import PipelineSystem, load_pipeline
from smartmask.evaluate.tasks.insertion.makers import Made, MaskMaker, Painter, SystemMaker
from smartmask.evaluate.tasks.insertion.objects import InsertionProtocol, Task, make_task
from smartmask.evaluate.tasks.insertion.rows import Gallery, InsertionRow, Judges
from smartmask.evaluate.tasks.insertion.rows import run as insert_all
from smartmask.evaluate.tasks.paper.cache import Cache, digest_of
from smartmask.evaluate.tasks.paper.models import BUNDLED, Model
from smartmask.geometry import BoxXYXY, rle_decode, rle_encode
from smartmask.image.composition import Window
from smartmask.insertion.inpainter import Inpainter, Painting, PaintRequest
from smartmask.io.bars import watched

Found = Sequence[tuple[Record, Target]]


class LazyInpainter:
    """An inserter that is loaded when it is first asked."""

    def __init__(self, name: str, load: Callable[[], Inpainter]) -> None:
        self.name, self._load = name, load

    @cached_property
    def model(self) -> Inpainter:
        return self._load()

    @property
    def side(self) -> int | None:
        return self.model.side

    def __call__(self, request: PaintRequest) -> Painting:
        return self.model(request)


class KeptPainter(Painter):
    """A ``Painter`` that looks up what it has painted: by model, object, seed, mask, precision and settings."""

    def __init__(self, model: Model, cache: Cache, load: Callable[[], Inpainter], **settings: Any) -> None:
        super().__init__(LazyInpainter(model.name, load), **settings)  # type: ignore[arg-type]  # side is read only
        self.model, self.cache = model, cache

    def painted(self, task: Task, mask: np.ndarray, precision: float) -> tuple[Window, np.ndarray, np.ndarray | None]:
        parts = ["paint", self.model.identity, self.settings, task.target.code, task.seed, digest_of(mask), precision]
        made: list[tuple[Window, np.ndarray, np.ndarray | None]] = []

        def paint() -> tuple[Window, np.ndarray, np.ndarray | None]:
            if not made:
                made.append(super(KeptPainter, self).painted(task, mask, precision))
            return made[0]

        def record() -> dict[str, Any]:
            window, _, own = paint()
            return {"window": _corners(window), "own": None if own is None else rle_encode(own)}

        image = self.cache.picture(parts, lambda: paint()[1])  # first: a record means that its picture is there
        kept = self.cache.record(parts, record)
        own = None if kept["own"] is None else rle_decode(kept["own"])
        return Window(*kept["window"]), image, own


def _corners(window: Window) -> list[int]:
    return [int(edge) for edge in (window.x0, window.y0, window.x1, window.y1)]


class KeptMaker:
    """A mask maker that looks up its masks; its pictures are the painter's and kept there."""

    def __init__(self, maker: MaskMaker, cache: Cache, identity: Sequence[Any]) -> None:
        self.maker, self.cache, self.identity = maker, cache, list(identity)
        self.name, self.precision = maker.name, maker.precision

    def __call__(self, task: Task, made: Mapping[str, Made]) -> Made:
        parts = ["mask", self.name, *self.identity, task.target.code, task.seed]

        def record() -> dict[str, Any]:
            answer = self.maker(task, made)
            sample = None if answer.sample is None else rle_encode(answer.sample)
            return {"mask": rle_encode(answer.mask), "sample": sample}

        kept = self.cache.record(parts, record)
        sample = None if kept["sample"] is None else rle_decode(kept["sample"])
        return Made(rle_decode(kept["mask"]), sample=sample)


class LazySystem:
    """A mask model as a system, loaded when it is first asked."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def system(self) -> PipelineSystem:
        path = None if self.model.path == BUNDLED else self.model.path
        return PipelineSystem(load_pipeline(path), **self.model.options)  # type: ignore[arg-type]

    def __call__(self, *asked: Any) -> Any:
        return self.system(*asked)


def mask_maker(model: Model, cache: Cache, num_masks: int) -> KeptMaker:
    """The best ranked of ``num_masks`` masks of a mask model, as ``insert`` takes it."""
    maker = SystemMaker(model.name, LazySystem(model), num_masks)
    return KeptMaker(maker, cache, [model.identity, num_masks])


# --- judges ----------------------------------------------------------------------------------------


class KeptJudge:
    """Features, or CLIP scores with texts, of pictures; each picture is judged by itself, and looked up by content."""

    def __init__(self, model: Model, cache: Cache, load: Callable[[], Any]) -> None:
        self.model, self.cache, self._load = model, cache, load

    @cached_property
    def judge(self) -> Any:
        return self._load()

    def __call__(self, pictures: Sequence[np.ndarray], names: Sequence[str] | None = None) -> np.ndarray:
        """``(n, D)`` features, or (n,) scores where names are given."""
        if names is None:
            return self._each(pictures, [None] * len(pictures), lambda picture, _: self.judge([picture])[0])
        return self._each(pictures, names, lambda picture, name: self.judge([picture], [name])[0])

    def of_texts(self, pictures: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        """``(n,)`` CLIP scores with whole texts."""
        marked = [f"text: {text}" for text in texts]
        return self._each(pictures, marked, lambda picture, text: self.judge.of_texts([picture], [text[6:]])[0])

    def _each(
        self, pictures: Sequence[np.ndarray], said: Sequence[str | None], judge: Callable[[np.ndarray, Any], Any]
    ) -> np.ndarray:
        found = []
        for picture, text in zip(pictures, said, strict=True):
            parts = ["judge", self.model.role, self.model.identity, digest_of(picture), text]
            found.append(self.cache.array(parts, lambda p=picture, t=text: np.asarray(judge(p, t))))  # type: ignore[misc]
        return np.stack(found)


def kept_judges(features: Model | None, clip: Model | None, cache: Cache, device: str) -> Judges:
    """The judges of a run; None for those without a model."""
    from smartmask.metrics.pretrained import ClipScore, load_features

    seen = read = None
    if features is not None:
        seen = KeptJudge(features, cache, lambda: load_features(features.path, device))
    if clip is not None:
        read = KeptJudge(clip, cache, lambda: ClipScore.from_pretrained(clip.path, device))
    return Judges(seen, read)


class KeptSegmenter:
    """A promptable segmenter whose masks are looked up by picture and box."""

    def __init__(self, model: Model, cache: Cache, device: str) -> None:
        self.model, self.cache, self.device = model, cache, device

    @cached_property
    def segmenter(self) -> Any:
        from smartmask.metrics.pretrained import BoxSegmenter

        return BoxSegmenter.from_pretrained(self.model.path, self.device)

    def __call__(self, picture: np.ndarray, box: BoxXYXY) -> np.ndarray:
        """``(H, W)`` bool, within the box."""
        parts = ["segment", self.model.identity, digest_of(picture), [float(edge) for edge in box]]
        kept = self.cache.record(parts, lambda: {"mask": rle_encode(np.asarray(self.segmenter(picture, box)))})
        return rle_decode(kept["mask"])


# --- a pass over the objects -----------------------------------------------------------------------


def tasks_of(found: Found, protocol: InsertionProtocol, what: str) -> Iterator[Task]:
    """The tasks one by one, with a bar that says what they are for; each photograph is read as it comes."""
    for record, target in watched(what, list(found)):
        yield make_task(record, target, protocol)


def passed(
    found: Found, protocol: InsertionProtocol, makers: Sequence[MaskMaker], painter: Painter | None, judges: Judges,
    what: str, keep: Callable[[Task, str, np.ndarray], None] | None = None,
) -> tuple[dict[str, list[InsertionRow]], Gallery]:  # fmt: skip
    """Every maker asked every task: {maker: rows in the order of the tasks}, and the features of their pictures."""
    rows, gallery = insert_all(tasks_of(found, protocol, what), makers, painter, judges, keep)
    by_maker: dict[str, list[InsertionRow]] = {maker.name: [] for maker in makers}
    for row in rows:
        by_maker[row.maker].append(row)
    return by_maker, gallery


def images_of(rows: Sequence[InsertionRow]) -> np.ndarray:
    """``(n,)`` keys of the rows' photographs, the unit of every interval."""
    return np.array([f"{row.target.source}/{row.target.key}" for row in rows])
