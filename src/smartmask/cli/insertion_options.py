"""What ``insert`` and ``remove`` share on the command line: their options, and inserters loaded from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.io.checks import check_prompt, check_scale

if TYPE_CHECKING:
    from smartmask.insertion.inpainter import Inpainter
    from smartmask.insertion.lay import ObjectRequest

OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the result.")]
CacheOption = Annotated[
    Path | None,
    typer.Option("--segmenter-cache", metavar="DIR", help="Folder that keeps what the panoptic model read."),
]
InpainterOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="'paste', or a folder or hub name of a model that paints inside masks."),
]
DefringeOption = Annotated[
    float | None,
    typer.Option(
        metavar="PIXELS", help="Edge of the cut-out that takes the colours inside; 2, but 0 with an alpha of its own."
    ),
]
FeatherOption = Annotated[float | None, typer.Option(help="Pixels over which edges fade, inside the mask; 2.")]
MatchOption = Annotated[bool, typer.Option("--color-match", help="Move the colours towards the surroundings'.")]
StepsOption = Annotated[int | None, typer.Option(help="Steps of painting; the inserter's own by default.")]
ScaleOption = Annotated[float | None, typer.Option(help="Weight of the text in painting.")]
NegativeOption = Annotated[str | None, typer.Option(metavar="TEXT", help="What the painting should not show.")]
PrecisionOption = Annotated[float, typer.Option(help="How exact masks are: 0 outlines, to 1 boxes (SmartBrush).")]
DeviceOption = Annotated[str | None, typer.Option(help="Where the inserter runs: cpu, cuda, cuda:1, mps.")]
DtypeOption = Annotated[str | None, typer.Option(help="Its numbers: float32, float16 or bfloat16.")]
OffloadOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW", help="Keep in the GPU's memory only the part at work (model) or its layer (sequential)."
    ),
]
SlicingOption = Annotated[bool, typer.Option("--slicing", help="Attention and VAE in slices: slower, less memory.")]
SideOption = Annotated[
    int | None, typer.Option(metavar="PIXELS", help="Longer side of what the model paints; its own by default.")
]
ControlOption = Annotated[str | None, typer.Option("--controlnet", metavar="NAME", help="Its segmentation ControlNet.")]
ControlScaleOption = Annotated[float | None, typer.Option(help="Weight of the ControlNet.")]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="SUFFIX", help="png (exact), jpg or webp (lossy) for the result.")
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the defaults of the others stand where they are used."""
    return {key: value for key, value in options.items() if value is not None}


def model_options(
    *, slicing: bool, negative_prompt: str | None, control_scale: float | None, **others: Any
) -> dict[str, Any]:
    """Options for the loader of a model that paints; what can be told wrong without the model is a ValueError."""
    if negative_prompt is not None:
        negative_prompt = check_prompt(negative_prompt, "negative prompt")
    control_scale = check_scale(control_scale, "control scale")
    return given(slicing=slicing or None, negative_prompt=negative_prompt, control_scale=control_scale, **others)


def loader_options(
    inpainter: str | None, pasting: dict[str, Any], painting: dict[str, Any], cutouts: bool
) -> dict[str, Any]:
    """Those of the two kinds of options that belong to this inserter; the other kind beside it is a ValueError.

    pasting: fit, mirror and defringe, as given.  painting: those of ``model_options``.  cutouts: whether there is any.
    """
    if inpainter == "paste":
        if painting:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in painting)
            raise ValueError(f"The inserter 'paste' has no use for {names}; leave that out, or name a model.")
        return pasting
    if pasting or cutouts:
        raise ValueError(
            "--cutout, --fit, --mirror and --defringe are for the inserter 'paste', not for "
            f"{inpainter!r}; leave them out."
        )
    return painting


def find_inserters(
    inpainter: str | None, objects: Sequence[ObjectRequest], command: str, options: dict[str, Any]
) -> tuple[list[Inpainter], str]:
    """The inserters, one an object; or none, and why nothing can be painted. Bad input is raised as ValueError."""
    from smartmask.insertion.paint import NO_INPAINTER, load_inpainters

    if inpainter is None:
        return [], NO_INPAINTER if command == "insert" else NO_INPAINTER.split("; ")[0]
    try:
        return load_inpainters(inpainter, objects, **options), ""
    except (OSError, ImportError, RuntimeError, MemoryError) as error:
        from smartmask.io.explain import explain

        why = explain(error)[1].rstrip(".")
        named = f"The inserter '{inpainter}' is not "
        return [], why if why.startswith(named) else f"{named}at hand: {why}"


def result_suffix(text: str) -> str:
    """The suffix of ``--format``, with its dot."""
    suffix = text.lower().removeprefix(".")
    if suffix not in ("png", "jpg", "webp"):
        raise ValueError(f"The format '{text}' is not known; use png, jpg or webp.")
    return f".{suffix}"
