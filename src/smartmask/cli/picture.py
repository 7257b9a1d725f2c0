"""The part of ``layout`` that turns a layout into a picture: its options, its model, and what it writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.cli.insertion_options import given, model_options
from smartmask.cli.options import step_progress
from smartmask.io.checks import check_scale, check_steps

if TYPE_CHECKING:
    from smartmask.insertion.stable_diffusion.picture import LayoutPainter, Picture
    from smartmask.scene import Scene

PICTURE = "picture.png"
PaintOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Also picture.png: a text-to-image model's folder or hub name paints it."),
]


@dataclass(frozen=True)
class PictureRequest:
    """What the command line asks of the picture. loader: options of ``LayoutPainter.from_pretrained``."""

    name: str
    loader: dict[str, Any]
    steps: int | None
    guidance_scale: float | None
    negative_prompt: str | None

    def load(self) -> tuple[LayoutPainter | None, str]:
        """The painter; or None, and why it is not at hand. What is no such model is a ValueError."""
        from smartmask.insertion.stable_diffusion.picture import LayoutPainter

        try:
            return LayoutPainter.from_pretrained(self.name, **self.loader), ""
        except (OSError, ImportError, RuntimeError, MemoryError) as error:
            return None, _sentence(error)

    def paint(self, painter: LayoutPainter, scene: Scene, text: str, seed: int) -> tuple[Picture | None, str]:
        """The picture; or None, and why it could not be painted."""
        try:
            with step_progress("painting") as on_step:
                picture = painter(
                    scene, text, seed=seed, steps=self.steps, guidance_scale=self.guidance_scale,
                    negative_prompt=self.negative_prompt, callback=on_step,
                )  # fmt: skip
        except (OSError, RuntimeError, MemoryError) as error:
            return None, _sentence(error)
        return picture, ""


def read_request(
    paint: str | None, *, steps: int | None, guidance_scale: float | None, negative_prompt: str | None, **models: Any
) -> PictureRequest | None:
    """The request of these options, None without --paint; ValueError for bad ones, and for any beside no --paint."""
    steps, guidance_scale = check_steps(steps), check_scale(guidance_scale)
    loader = model_options(negative_prompt=negative_prompt, **models)
    negative_prompt = loader.pop("negative_prompt", None)
    if paint is not None:
        return PictureRequest(paint, loader, steps, guidance_scale, negative_prompt)
    lone = given(steps=steps, guidance_scale=guidance_scale, negative_prompt=negative_prompt, **loader)
    if lone:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in lone)
        raise ValueError(f"{names} is for painting; add --paint with a text-to-image model, or leave it out.")
    return None


def add_picture(
    request: PictureRequest, painter: LayoutPainter | None, scene: Scene, text: str, seed: int, record: dict[str, Any],
    out: Path,
) -> str:  # fmt: skip
    """Paints into a finished layout's folder: ``picture.png``, then a ``result.json`` that tells of it.

    record: the layout's result, completed here.  Returns why there is no picture, "" where there is one.
    """
    from smartmask.image.files import save_png
    from smartmask.masks.results import save_result

    if painter is None:
        return str(record["picture"]["trouble"])
    begun = time.perf_counter()
    picture, trouble = request.paint(painter, scene, text, seed)
    seconds = time.perf_counter() - begun
    record["timings"] |= {"paint": round(seconds, 3), "total": round(record["timings"]["total"] + seconds, 3)}
    if picture is None:
        record["picture"] |= {"status": "not painted", "trouble": trouble}
    else:
        save_png(picture.image, out / PICTURE)
        height, width = picture.painted
        record["picture"] |= {"status": "painted", "painted": {"width": width, "height": height},
                              "unknown": round(picture.unknown, 4)}  # fmt: skip
        record["files"] = sorted([*record["files"], PICTURE])
    save_result(record, out)
    return trouble


def describe_request(request: PictureRequest, trouble: str) -> dict[str, Any]:
    """What ``result.json`` says before anything is painted."""
    described = {"model": request.name, **request.loader, "steps": request.steps,
                 "guidance_scale": request.guidance_scale, "negative_prompt": request.negative_prompt}  # fmt: skip
    return {**given(**described), "status": "not painted", **({"trouble": trouble} if trouble else {})}


def _sentence(error: Exception) -> str:
    from smartmask.io.explain import explain

    return explain(error)[1].rstrip(".")
