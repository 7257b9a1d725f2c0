"""A whole layout from a sentence to files, and a picture of it: what the command runs, and a service can run alike."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import field_validator, model_validator

from smartmask.image.files import save_png
from smartmask.insertion.settings import ModelOptions, PaintSteps, flags
from smartmask.io.explain import explain
from smartmask.io.publish import staging
from smartmask.io.records import Size
from smartmask.io.sentences import short_repr
from smartmask.io.settings import option, required
from smartmask.io.watch import Watch, rounded, timed, unwatched
from smartmask.masks.draws import Draws
from smartmask.masks.results import save_result
from smartmask.masks.weights import Weights
from smartmask.plan.layouts.pipeline import draw_layout
from smartmask.plan.layouts.results import LayoutReport, PictureRecord, described, save_layout
from smartmask.plan.layouts.stuff import load_field
from smartmask.plan.planners.load import Planned, load_planner
from smartmask.scene import Scene

if TYPE_CHECKING:
    from smartmask.insertion.stable_diffusion.picture import LayoutPainter

MAX_SIDE = 4096
PICTURE = "picture.png"


class LayoutJob(Planned, Draws, Weights, PaintSteps, ModelOptions):
    """A layered layout of a sentence, into a folder, and with ``paint`` a picture of it."""

    out: Path = required("Folder for the layout.", metavar="DIR")
    size: str = option("512x384", "Of the picture.", metavar="WIDTHxHEIGHT")
    num_masks: int = option(4, "Candidate masks an object.", flags=("--num-masks", "-n"))
    ideas: int = option(0, "Objects that the planner may add to those of the text, if they fit.", ge=0, le=20)
    animation: bool = option(True, "Also steps.gif.", flags=("--animation/--no-animation",))
    paint: str | None = option(
        None, "Also picture.png: a text-to-image model's folder or hub name paints it.", metavar="NAME"
    )

    @field_validator("size")
    @classmethod
    def _size(cls, value: str) -> str:
        parts = value.lower().replace("×", "x").split("x")
        if len(parts) != 2 or not all(part.strip().isdecimal() and len(part) < 20 for part in parts):
            raise ValueError(f"The size {short_repr(value)} is not WIDTHxHEIGHT; give whole numbers such as 512x384.")
        width, height = (int(part) for part in parts)
        if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
            raise ValueError(f"The size {width}x{height} is out of range; both sides must be 16 to {MAX_SIDE} pixels.")
        return f"{width}x{height}"

    @model_validator(mode="after")
    def _alone(self) -> LayoutJob:
        lone = self.given(PaintSteps) | self.given(ModelOptions)
        if lone and self.paint is None:
            raise ValueError(f"{flags(lone)} is for painting; add --paint with a text-to-image model, or leave it out.")
        return self

    def run(self, watch: Watch = unwatched) -> LayoutReport:
        """Reads, draws and writes all of it or nothing; then paints, which may fail without loss.

        Raises ValueError for bad input. ``picture.trouble`` of the report says why there is no picture.
        """
        start, seconds = time.perf_counter(), dict[str, float]()
        width, height = map(int, self.size.split("x"))
        self.checked()
        asked = self.given(PaintSteps) | self.given(ModelOptions)
        with staging(self.out) as folder:
            with watch("loading"), timed(seconds, "load"):
                pipeline, field = self.load(), load_field()
                engine = load_planner(self.planner, pipeline.text, self.ideas)
                painter, trouble = self._painter()  # now, as a wrong folder should not cost the drawing's time
            with watch("objects") as on_step, timed(seconds, "draw"):
                drawn = draw_layout(
                    self.text, height, width, pipeline, field, planner=engine, generator=self.seed,
                    num_masks=self.num_masks, callback_on_step_end=on_step,
                )  # fmt: skip
            with watch("writing"):
                files = save_layout(drawn, folder, self.animation)
            seconds["total"] = time.perf_counter() - start
            picture = None if self.paint is None else PictureRecord(model=self.paint, **asked, trouble=trouble)
            report = LayoutReport(
                text=self.text, **described(drawn), files=files, picture=picture, timings=rounded(seconds)
            )
            save_result(report.model_dump(), folder)
        if painter is None or picture is None:
            return report
        # the layout lies in its folder by now, whatever becomes of the picture
        with staging(self.out, adding=True) as folder:
            with timed(seconds, "paint"):
                found, more = self._painted(painter, drawn.scene(), folder, watch)
            seconds["total"] += seconds["paint"]
            report = report.model_copy(
                update={"picture": picture.model_copy(update=found), "files": sorted([*files, *more]),
                        "timings": rounded(seconds)}
            )  # fmt: skip
            save_result(report.model_dump(), folder)
        return report

    def _painter(self) -> tuple[LayoutPainter | None, str | None]:
        """What paints; or None, and why it is not at hand. What is no such model is a ValueError."""
        if self.paint is None:
            return None, None
        from smartmask.insertion.stable_diffusion.picture import LayoutPainter

        loader = {key: value for key, value in self.given(ModelOptions).items() if key != "negative_prompt"}
        try:
            return LayoutPainter.from_pretrained(self.paint, **loader), None
        except (OSError, ImportError, RuntimeError, MemoryError) as error:
            return None, explain(error)[1].rstrip(".")

    def _painted(
        self, painter: LayoutPainter, scene: Scene, folder: Path, watch: Watch
    ) -> tuple[dict[str, Any], list[str]]:
        """What became of the picture, for its record, and the files written into a staging folder."""
        try:
            with watch("painting") as on_step:
                picture = painter(
                    scene, self.text, generator=self.seed, steps=self.steps, guidance_scale=self.guidance_scale,
                    negative_prompt=self.negative_prompt, callback_on_step_end=on_step,
                )  # fmt: skip
        except (OSError, RuntimeError, MemoryError) as error:
            return {"trouble": explain(error)[1].rstrip(".")}, []
        save_png(picture.image, folder / PICTURE)
        height, width = picture.painted
        size, unknown = Size(width=width, height=height), round(picture.unknown, 4)
        return {"status": "painted", "painted": size, "unknown": unknown}, [PICTURE]
