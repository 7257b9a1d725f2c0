"""``insert`` and ``remove`` from files to files: what the commands run, and what a service can run alike."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from smartmask.errors import ModelMissingError
from smartmask.image.files import frames_noted
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Inpainter
from smartmask.insertion.lay import ObjectRequest, Plan, lay
from smartmask.insertion.objects import InsertTexts, read_region
from smartmask.insertion.paint import NO_INPAINTER, load_inpainters, paint
from smartmask.insertion.pipeline import scene_of
from smartmask.insertion.remove import erasure, refuse_paste
from smartmask.insertion.report import InsertReport, PaintReport, RemoveReport, described_photo
from smartmask.insertion.results import save_jobs, save_painting, save_plan
from smartmask.insertion.settings import (
    InserterOptions,
    ModelOptions,
    PaintOptions,
    PasteOptions,
    ReferenceOptions,
    Shadow,
    flags,
)
from smartmask.io.checks import check_prompt
from smartmask.io.explain import explain
from smartmask.io.publish import files_of, staging
from smartmask.io.settings import argument, internal, option, required
from smartmask.io.watch import Progress, Watch, rounded, timed, unwatched
from smartmask.masks.draws import Draws, Seeded
from smartmask.masks.results import save_result
from smartmask.masks.weights import Weights
from smartmask.scene import Scene
from smartmask.scene.photo import scene_from_image
from smartmask.scene.read import SceneFiles
from smartmask.scene.segment import ABSENT, LAYOUT, fetched_model


@dataclass
class Work:
    """A job whose input has proven good.

    plan: lays the masks. inpainter: its name, None where nothing can be painted. loader: options for its loader.
    told: what the report says beside; notes: what it notes last. Both may grow until the plan is made.
    """

    objects: Sequence[ObjectRequest]
    plan: Callable[[Progress | None], Plan]
    inpainter: str | None
    loader: dict[str, Any]
    report: type[PaintReport]
    told: dict[str, Any]
    notes: list[str] = field(default_factory=list)


class PaintJob(PaintOptions, InserterOptions, ModelOptions, SceneFiles, Seeded):
    """What ``insert`` and ``remove`` share: a photo, what is in it, and how it is painted."""

    photo: Path = argument("The photo.", metavar="PHOTO")
    out: Path = required("Folder for the result.", metavar="DIR")
    context: str | None = option(None, "A sentence about the whole picture.", metavar="TEXT")
    inpainter: str | None = option(
        None, "'paste', or a folder or hub name of a model that paints inside masks.", metavar="NAME"
    )
    format: Literal["png", "jpg", "webp"] = option(
        "png", "png (exact), jpg or webp (lossy) for the result.", metavar="SUFFIX"
    )

    @field_validator("context")
    @classmethod
    def _context(cls, value: str | None) -> str | None:
        return None if value is None else check_prompt(value, "context prompt")

    @field_validator("format", mode="before")
    @classmethod
    def _format(cls, value: str) -> str:
        return value.lower().removeprefix(".") if isinstance(value, str) else value

    def model_options(self) -> dict[str, Any]:
        """Those for the loader of a model that paints."""
        return self.given(ModelOptions) | self.given(InserterOptions)

    @abstractmethod
    def prepared(self, photo: Photo) -> Work:
        """All that can be wrong with the input, before anything is loaded or written."""

    def run(self, watch: Watch = unwatched) -> PaintReport:
        """Reads, lays, paints and writes, all of it or nothing; without an inserter masks and jobs for other tools.

        Raises ValueError for bad input. ``trouble`` of the report says why the inserter that was named did not paint.
        """
        start = time.perf_counter()
        with watch("reading"), frames_noted() as frames:
            photo = Photo.load(self.photo)
            work = self.prepared(photo)
        if photo.has_alpha and self.format == "jpg":
            raise ValueError("A JPEG has no transparency as this photo does; use --format png or webp.")
        seconds: dict[str, float] = {}
        with staging(self.out) as folder:
            # first, as a wrong folder should not cost the time of the masks
            with watch("loading"), timed(seconds, "load"), frames_noted() as more:
                painters, trouble = find_inserters(work)
            with watch("masks") as on_step, timed(seconds, "masks"):
                plan = work.plan(on_step)
            painters = painters[: len(plan.objects)]  # a planner may name fewer than there was room for
            result = None
            if painters:
                with watch("painting") as on_step, timed(seconds, "paint"):
                    result = paint(photo, plan, painters, self, on_step)
                plan = result.plan
            with watch("writing"), timed(seconds, "write"):
                names, suffix = [painter.name for painter in painters], f".{self.format}"
                found = described_photo(photo, result) | {
                    "objects": save_plan(plan, photo, names, folder, self.history),
                    "layers": [] if result is None else save_painting(result, folder, suffix),
                    "jobs": [] if painters else save_jobs(plan, photo, self, folder),
                }
                files = files_of(folder)
            seconds["total"] = time.perf_counter() - start
            report = work.report(
                **found, **work.told, image=str(self.photo), seed=self.seed, inpainter=work.inpainter,
                status="painted" if painters else "not painted", feather=self.feather, color_match=self.color_match,
                shadow=self.shadow, layers_before=[layer.name for layer in plan.scene.layers], files=files,
                notes=[*self._notes(plan, frames + more), *(() if result is None else result.said), *work.notes],
                trouble=trouble, timings=rounded(seconds),
            )  # fmt: skip
            save_result(report.model_dump(), folder)
        return report

    def _notes(self, plan: Plan, frames: Sequence[str]) -> list[str]:
        """Of the pictures' files (``frames``), of the scene, of the masks, and of what the result's file loses."""
        of_files = dict.fromkeys((*frames, *plan.notes))
        notes = [*of_files, *(n for laid in plan.objects if laid.output is not None for n in laid.output.notes)]
        if self.format != "png":
            notes.append(
                f"result.{self.format} is compressed with loss; only a PNG keeps the untouched pixels bit for bit."
            )
        return notes


class InsertJob(PaintJob, InsertTexts, ReferenceOptions, PasteOptions, Draws, Weights):
    """Objects into a photo, from files, into a folder."""

    num_masks: int = option(8, "Candidate masks an object.", flags=("--num-masks", "-n"))
    pick: int | None = option(None, "Rank of the candidate to take; 0, the best, by default.")

    def model_options(self) -> dict[str, Any]:
        return super().model_options() | self.given(ReferenceOptions)

    def prepared(self, photo: Photo) -> Work:
        """Reads objects and scene."""
        self.checked()
        requests = self.requests((photo.height, photo.width), self.context)
        if self.described or any(item.mask is None for item in requests):
            scene, notes = self.read(self.photo, photo.rgb())
        else:
            scene, notes = scene_of(photo, None, requests)

        def plan(on_step: Progress | None) -> Plan:
            laid = lay(scene, requests, num_masks=self.num_masks, pick=self.pick, pipeline=self, generator=self.seed,
                       callback=on_step)  # fmt: skip
            return replace(laid, notes=notes)

        return self.work(requests, plan)

    def work(self, requests: Sequence[ObjectRequest], plan: Callable[[Progress | None], Plan]) -> Work:
        """The job for these objects; an option for another inserter than this one is a ValueError."""
        has_cutout = any(item.cutout is not None for item in requests)
        refers = any(item.reference is not None for item in requests)
        inpainter = "paste" if self.inpainter is None and has_cutout else self.inpainter
        pasting, painting = self.given(PasteOptions), self.model_options()
        if inpainter == "paste":
            unused = [*painting, *(["reference"] if refers else [])]
            if unused:
                raise ValueError(
                    f"The inserter 'paste' has no use for {flags(unused)}; leave that out, or name a model."
                )
            painting = pasting if self.segmenter is None else {**pasting, "segmenter": self.segmenter}
        elif pasting or has_cutout:
            raise ValueError(
                "--cutout, --fit, --mirror and --defringe are for the inserter 'paste', not for "
                f"{inpainter!r}; leave them out."
            )
        told = {"command": "insert", "num_masks": self.num_masks, **self.described_weights()}
        return Work(requests, plan, inpainter, painting, InsertReport, told)


class RemoveJob(PaintJob):
    """A region or a layer of a photo painted away, from files, into a folder."""

    region: str = required("A painted PNG, a box x0,y0,x1,y1, or a layer of the layout: name or index.", metavar="WHAT")
    fill: str | None = option(None, "What to paint there; what surrounds it by default.", metavar="TEXT")
    grow: int | None = option(None, "Pixels painted round the region; feather and 1 % by default.")
    seed: int = option(0, "Seed of the painting.")
    shadow: Shadow = internal("none", "What is gone has no shadow.")

    def prepared(self, photo: Photo) -> Work:
        """Reads the region and, where it is a layer, the scene."""
        if self.inpainter is not None:
            refuse_paste(self.inpainter)
        what = read_region(self.region, (photo.height, photo.width))
        if self.described:
            scene, _ = self.read(self.photo, photo.rgb())
        elif isinstance(what, (int, str)):
            if fetched_model() is None:  # an unlabeled scene has nothing to remove by name
                raise ModelMissingError(
                    f"Layers are those of a layout, and {ABSENT}; paint the region or give it as a box x0,y0,x1,y1, "
                    f"or give the layout: {LAYOUT}"
                )
            scene = scene_from_image(photo.rgb(), cache=self.segmenter_cache)
        else:
            scene = Scene.empty(photo.height, photo.width)
        plan = erasure(scene, what, self.fill, self.grow, self.feather, self.seed, self.context)
        told = {"command": "remove", "region": self.region}
        requests = [laid.request for laid in plan.objects]
        return Work(requests, lambda _: plan, self.inpainter, self.model_options(), RemoveReport, told)


def find_inserters(work: Work) -> tuple[list[Inpainter], str]:
    """The inserters, one an object; or none, and why the one that was named cannot paint.

    Where none was named, nothing is missing: masks and jobs for other tools are what can be wanted, and a note says so.
    Bad input is raised as ValueError.
    """
    if work.inpainter is None:
        why = NO_INPAINTER if work.report is not RemoveReport else NO_INPAINTER.split("; ")[0]
        work.notes.append(f"Nothing is painted. {why}.")
        return [], ""
    try:
        return load_inpainters(work.inpainter, work.objects, **work.loader), ""
    except (OSError, ImportError, RuntimeError, MemoryError) as error:
        why = explain(error)[1].rstrip(".")
        named = f"The inserter '{work.inpainter}' is not "
        return [], why if why.startswith(named) else f"{named}at hand: {why}"
