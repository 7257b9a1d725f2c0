"""One run over the tables: its models, objects, judges and what is kept, and the form of a table's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.discover import Source
from smartmask.evaluate.baselines import BASELINES, ShapeBank, System
from smartmask.evaluate.tasks.insertion.makers import SystemMaker
from smartmask.evaluate.tasks.insertion.objects import InsertionProtocol, Task, train_shapes
from smartmask.evaluate.tasks.insertion.rows import Judges
from smartmask.evaluate.tasks.paper.cache import Cache
from smartmask.evaluate.tasks.paper.cells import Found, KeptMaker, KeptPainter, KeptSegmenter, mask_maker
from smartmask.evaluate.tasks.paper.models import Model, Roster
from smartmask.image.files import save_png
from smartmask.insertion.inpainter import Inpainter
from smartmask.io.publish import output_folder

UNTRAINED = " (random weights)"
CLIP_CROP = (
    "CLIP score: cosine of the crop round the box and 'a photo of a NAME'; the papers' model and crop may differ."
)
L2 = (
    "Norm. L2-BG: the papers do not say what they divide by; here ||after - before|| / ||before|| over the user's box "
    "without the real object. Ours compare with each other, not with the published."
)
FID = (
    "FID: all features, as many pictures on both sides, given for more pictures than features alone; KID x 1000 is "
    "unbiased at any number, mean and 95 % range over halves of the photographs."
)


@dataclass(frozen=True, eq=False)
class Table:
    """A table's result. lines: Markdown.  data: the same for programs.  notes: what differs from the paper.

    pictures: {name: (H, W, 3) uint8}, pages to look at.
    """

    lines: list[str]
    data: Any
    notes: list[str] = field(default_factory=list)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(eq=False)
class Run:
    """What the tables share. sources: the sets of photographs.  found: the objects to insert.  shown: on pages.

    steps, guidance_scale: of painting, None for the models' own.  fold_steps: of the critic that tells masks apart.
    pictures: where finished pictures go, a folder a method, as ``study make`` takes them; None for nowhere.
    """

    roster: Roster
    sources: Sequence[Source]
    found: Found
    protocol: InsertionProtocol
    judges: Judges
    cache: Cache
    device: str = "cpu"
    dtype: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    shown: int = 8
    fold_steps: int = 300
    pictures: Path | None = None

    def __post_init__(self) -> None:
        self._painters: dict[str, KeptPainter] = {}
        self.labels: dict[str, str] = {}

    def painter(self, model: Model) -> KeptPainter:
        """The painter of an inserter, one a run; its model is loaded when something is not kept."""
        if model.name not in self._painters:
            options = {"device": self.device, "dtype": self.dtype, **model.options}
            steps = options.pop("steps", self.steps)
            scale = options.pop("guidance_scale", self.guidance_scale)
            given = {key: value for key, value in options.items() if value is not None}

            def load() -> Inpainter:
                from smartmask.insertion.load import load_inpainter

                return load_inpainter(model.path, **given)

            self._painters[model.name] = KeptPainter(model, self.cache, load, steps=steps, guidance_scale=scale)
        return self._painters[model.name]

    def release(self, model: Model) -> None:
        """Forgets an inserter, so that the next finds room."""
        self._painters.pop(model.name, None)

    @cached_property
    def mask_makers(self) -> list[KeptMaker]:
        """The best ranked mask of each mask model."""
        return [mask_maker(model, self.cache, self.protocol.num_masks) for model in self.roster.of("masks")]

    @cached_property
    def segmenters(self) -> list[tuple[Model, KeptSegmenter]]:
        return [(model, KeptSegmenter(model, self.cache, self.device)) for model in self.roster.of("segmenters")]

    def baseline(self, name: str) -> KeptMaker:
        """A baseline of BASELINES that knows the same folder's training shapes."""

        built: list[System] = []

        def system(*asked: Any) -> Any:
            if not built:
                built.append(BASELINES[name](self.bank))
            return built[0](*asked)

        identity = ["baseline", *[str(path) for _, path in self.sources], self.protocol.min_area]
        return KeptMaker(SystemMaker(name, system), self.cache, identity)

    @cached_property
    def bank(self) -> ShapeBank:
        return ShapeBank.from_layers(train_shapes(self.sources, self.protocol))

    def keep_picture(self, task: Task, method: str, picture: np.ndarray) -> None:
        """Keeps a method's finished picture; "real" is the photograph."""
        if self.pictures is not None:
            slug = "".join(c if c.isalnum() else "-" for c in method).strip("-")
            name = f"{task.target.source}_{task.target.key}_{task.target.layer}"
            self.labels[name] = task.name
            save_png(picture, output_folder(self.pictures / slug) / f"{name}.png")

    def named(self, model: Model) -> str:
        """A row's name, which says where weights are random."""
        return model.name + (UNTRAINED if model.random else "")


def rows_of(models: Sequence[Model], run: Run, make: Callable[[Model], list[Any]]) -> list[Any]:
    """``make``'s rows of each model in turn; a model is forgotten before the next is loaded."""
    rows = []
    for model in models:
        rows += make(model)
        run.release(model)
    return rows
