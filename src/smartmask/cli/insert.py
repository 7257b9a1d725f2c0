"""The commands ``insert`` and ``remove``: photo in, photo out. Nothing heavy is imported at start-up."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from smartmask.cli.insertion_options import (
    CacheOption,
    ControlOption,
    ControlScaleOption,
    DefringeOption,
    DeviceOption,
    DtypeOption,
    FeatherOption,
    FormatOption,
    InpainterOption,
    MatchOption,
    NegativeOption,
    OffloadOption,
    OutOption,
    PrecisionOption,
    ScaleOption,
    SideOption,
    SlicingOption,
    StepsOption,
    find_inserters,
    given,
    loader_options,
    model_options,
    result_suffix,
)
from smartmask.cli.options import (
    BlobOption,
    BoxOption,
    ContextOption,
    LayoutOption,
    LicencesOption,
    MemoryOption,
    NamesOption,
    OrderOption,
    PanopticOption,
    PointOption,
    PolygonOption,
    ResultJsonOption,
    ScribbleOption,
    SeedOption,
    SegmenterOption,
    WeightsOption,
    step_progress,
)

if TYPE_CHECKING:
    from smartmask.image.photo import Photo
    from smartmask.insertion.inpainter import StepCallback
    from smartmask.insertion.lay import ObjectRequest, Plan
    from smartmask.insertion.paint import PaintOptions, Shadow


@dataclass(frozen=True)
class Run:
    """What the two commands share once their arguments are read."""

    request: dict[str, Any]  # begins result.json
    photo: Photo
    objects: Sequence[ObjectRequest]
    make_plan: Callable[[StepCallback | None], Plan]
    options: PaintOptions
    inpainter: str | None
    loader: dict[str, Any]
    out: Path
    as_json: bool
    suffix: str
    start: float = field(default_factory=time.perf_counter)


def insert(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.")],
    out: OutOption,
    prompt: Annotated[
        list[str] | None, typer.Option("--object", metavar="TEXT", help="What to insert; may be repeated.")
    ] = None,
    objects: Annotated[
        str | None, typer.Option(metavar="PHRASE", help="Several at once: 'man, woman and dog on the bench'.")
    ] = None,
    objects_json: Annotated[
        Path | None, typer.Option(metavar="JSON", help='Objects as a list: [{"object": "dog", "box": [0, 0, 9, 9]}].')
    ] = None,
    layout: LayoutOption = None,
    names: NamesOption = None,
    panoptic: PanopticOption = None,
    segmenter: SegmenterOption = None,
    segmenter_cache: CacheOption = None,
    context: ContextOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    blob: BlobOption = None,
    scribble: ScribbleOption = None,
    polygon: PolygonOption = None,
    mask: Annotated[
        list[Path] | None,
        typer.Option(metavar="PNG", help="The finished mask, white on black: none is generated. Once an object."),
    ] = None,
    order: OrderOption = None,
    inpainter: InpainterOption = None,
    cutout: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PICTURE",
            help="For paste: an RGBA cut-out, or a photo with --cutout-mask or --segmenter; once, or once an object.",
        ),
    ] = None,
    cutout_mask: Annotated[
        list[Path] | None, typer.Option(metavar="PNG", help="What of the cut-out to keep, white on black; as often.")
    ] = None,
    defringe: DefringeOption = None,
    fit: Annotated[
        str | None, typer.Option(metavar="HOW", help="For paste: keep (own aspect) or stretch to the mask's box.")
    ] = None,
    mirror: Annotated[
        bool | None, typer.Option("--mirror/--no-mirror", help="For paste; by default where it agrees better.")
    ] = None,
    feather: FeatherOption = None,
    color_match: MatchOption = False,
    shadow: Annotated[
        str, typer.Option(metavar="HOW", help="Contact shadow: none, layer (a file only) or paint (in the photo).")
    ] = "none",
    precision: PrecisionOption = 0.0,
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="Candidate masks an object.")] = 8,
    pick: Annotated[int | None, typer.Option(help="Rank of the candidate to take; 0, the best, by default.")] = None,
    seed: SeedOption = 0,
    steps: StepsOption = None,
    guidance_scale: ScaleOption = None,
    negative_prompt: NegativeOption = None,
    weights: WeightsOption = None,
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    slicing: SlicingOption = False,
    side: SideOption = None,
    controlnet: ControlOption = None,
    control_scale: ControlScaleOption = None,
    suffix: FormatOption = "png",
    as_json: ResultJsonOption = False,
) -> None:
    """Insert objects into a photo; outside their masks the photo stays as it is, bit for bit.

    Guides are those of 'masks'. With several objects give each kind of guide once for each, in their
    order, or use --objects-json. Masks are laid in that order, then painted back to front.
    A phrase (--objects) is read for counts and relations; each object gets a place that fits the others.
    """
    from smartmask.image.photo import Photo
    from smartmask.insertion.lay import lay
    from smartmask.insertion.objects import read_objects, refuse_beside
    from smartmask.insertion.paint import PaintOptions
    from smartmask.insertion.pipeline import scene_of
    from smartmask.masks.weights import Weights
    from smartmask.scene.read import SceneFiles

    start = time.perf_counter()
    picture = Photo.load(photo)
    options = PaintOptions(**given(feather=feather), color_match=color_match, shadow=cast("Shadow", shadow),
                           precision=precision, steps=steps, guidance_scale=guidance_scale)  # fmt: skip
    models = model_options(
        device=device, dtype=dtype, offload=offload, slicing=slicing, side=side, controlnet=controlnet,
        control_scale=control_scale, negative_prompt=negative_prompt,
    )  # fmt: skip
    suffix = result_suffix(suffix)
    known = Weights.of(weights=weights, licences=licences, memory=memory).checked()
    phrase = None
    files = SceneFiles.of(layout=layout, names=names, panoptic=panoptic, segmenter=segmenter,
                          segmenter_cache=segmenter_cache)  # fmt: skip
    own_layout = files.described
    if objects is not None:
        from smartmask.plan.layouts.several import read_phrase  # brings torch, which paste has no use for

        refuse_beside(object=prompt, objects_json=objects_json, box=box, point=point, blob=blob, scribble=scribble,
                      polygon=polygon, mask=mask, order=order, pick=pick, cutout_mask=cutout_mask)  # fmt: skip
        scene, notes = files.read(photo, picture.rgb())
        phrase = read_phrase(objects, scene, known, context, cutout or ())
        requests = phrase.objects
    else:
        requests = read_objects(
            prompt or (), objects_json,
            {"box": box, "point": point, "blob": blob, "scribble": scribble, "polygon": polygon},
            mask or (), cutout or (), cutout_mask or (), order, context, (picture.height, picture.width),
        )  # fmt: skip
        if own_layout or any(item.mask is None for item in requests):
            scene, notes = files.read(photo, picture.rgb())
        else:
            scene, notes = scene_of(picture, None, requests)
    has_cutout = any(item.cutout is not None for item in requests)
    painter = "paste" if inpainter is None and has_cutout else inpainter
    loader = loader_options(painter, given(fit=fit, mirror=mirror, defringe=defringe), models, has_cutout)
    if painter == "paste":
        loader |= given(segmenter=segmenter)
    request: dict[str, Any] = {"command": "insert", "image": str(photo), "seed": seed, "num_masks": num_masks,
                               **known.described_weights()}  # fmt: skip

    def make_plan(on_step: StepCallback | None) -> Plan:
        if phrase is None:
            plan = lay(scene, requests, num_masks=num_masks, pick=pick, pipeline=known, generator=seed,
                       callback=on_step)  # fmt: skip
            return replace(plan, notes=notes)
        plan = replace(phrase.plan(num_masks, seed, on_step), notes=notes)
        request.update(phrase=objects, phrase_notes=list(phrase.request.notes), relations=phrase.describe())
        return plan

    _run(Run(request, picture, requests, make_plan, options, painter, loader, out, as_json, suffix, start))


def remove(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.")],
    region: Annotated[
        str,
        typer.Option(metavar="WHAT", help="A painted PNG, a box x0,y0,x1,y1, or a layer of the layout: name or index."),
    ],
    out: OutOption,
    fill: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What to paint there; what surrounds it by default.")
    ] = None,
    grow: Annotated[int | None, typer.Option(help="Pixels painted round the region; feather and 1 % by default.")] = (
        None
    ),
    layout: LayoutOption = None,
    names: NamesOption = None,
    panoptic: PanopticOption = None,
    segmenter: SegmenterOption = None,
    segmenter_cache: CacheOption = None,
    context: ContextOption = None,
    inpainter: InpainterOption = None,
    feather: FeatherOption = None,
    color_match: MatchOption = False,
    precision: PrecisionOption = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the painting.")] = 0,
    steps: StepsOption = None,
    guidance_scale: ScaleOption = None,
    negative_prompt: NegativeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    slicing: SlicingOption = False,
    side: SideOption = None,
    controlnet: ControlOption = None,
    control_scale: ControlScaleOption = None,
    suffix: FormatOption = "png",
    as_json: ResultJsonOption = False,
) -> None:
    """Paint a region or a layer of a photo away; outside it the photo stays as it is, bit for bit."""
    from smartmask.errors import ModelMissingError
    from smartmask.image.photo import Photo
    from smartmask.insertion.objects import read_region
    from smartmask.insertion.paint import PaintOptions
    from smartmask.insertion.remove import erasure, refuse_paste
    from smartmask.io.checks import check_prompt, check_seed
    from smartmask.scene import Scene
    from smartmask.scene.photo import scene_from_image
    from smartmask.scene.read import SceneFiles
    from smartmask.scene.segment import ABSENT, LAYOUT, fetched_model

    start = time.perf_counter()
    picture = Photo.load(photo)
    options = PaintOptions(**given(feather=feather), color_match=color_match, precision=precision, steps=steps,
                           guidance_scale=guidance_scale)  # fmt: skip
    loader = model_options(
        device=device, dtype=dtype, offload=offload, slicing=slicing, side=side, controlnet=controlnet,
        control_scale=control_scale, negative_prompt=negative_prompt,
    )  # fmt: skip
    if inpainter is not None:
        refuse_paste(inpainter)
    check_seed(seed)
    context = None if context is None else check_prompt(context, "context prompt")
    what = read_region(region, (picture.height, picture.width))
    files = SceneFiles.of(layout=layout, names=names, panoptic=panoptic, segmenter=segmenter,
                          segmenter_cache=segmenter_cache)  # fmt: skip
    own_layout = files.described
    if own_layout:
        scene, _ = files.read(photo, picture.rgb())
    elif isinstance(what, (int, str)):
        if fetched_model() is None:  # an unlabeled scene has nothing to remove by name
            raise ModelMissingError(
                f"Layers are those of a layout, and {ABSENT}; paint the region or give it as a box x0,y0,x1,y1, or "
                f"give the layout: {LAYOUT}"
            )
        scene = scene_from_image(picture.rgb(), cache=segmenter_cache)
    else:
        scene = Scene.empty(picture.height, picture.width)
    plan = erasure(scene, what, fill, grow, options.feather, seed, context)
    request = {"command": "remove", "image": str(photo), "region": region, "seed": seed}
    fills = [laid.request for laid in plan.objects]
    run = Run(
        request, picture, fills, lambda _: plan, options, inpainter, loader, out, as_json, result_suffix(suffix), start
    )  # fmt: skip
    _run(run)


def _run(run: Run) -> None:
    """Lay, paint and write; without an inserter write masks and jobs, then exit with 1."""
    from smartmask.insertion.paint import paint
    from smartmask.insertion.results import describe_photo, print_run, run_notes, save_jobs, save_painting, save_plan
    from smartmask.io.publish import staging
    from smartmask.masks.results import save_result

    if run.photo.has_alpha and run.suffix == ".jpg":
        raise ValueError("A JPEG has no transparency as this photo does; use --format png or webp.")
    seconds: dict[str, float] = {}
    with staging(run.out) as folder:
        with _timed(seconds, "load"):  # first, as a wrong folder should not cost the time of the masks
            painters, trouble = find_inserters(run.inpainter, run.objects, run.request["command"], run.loader)
        with step_progress("masks") as on_step, _timed(seconds, "masks"):
            plan = run.make_plan(on_step)
        result = None
        if not trouble:
            with step_progress("painting") as on_step, _timed(seconds, "paint"):
                result = paint(run.photo, plan, painters, run.options, on_step)
            plan = result.plan
        with _timed(seconds, "write"):
            record = {**describe_photo(run.photo, result), **run.request, "inpainter": run.inpainter}
            record |= {
                "status": "not painted" if trouble else "painted",
                "feather": run.options.feather,
                "color_match": run.options.color_match,
                "shadow": run.options.shadow,
                "layers_before": [layer.name for layer in plan.scene.layers],
                "objects": save_plan(plan, run.photo, [painter.name for painter in painters], folder),
                "layers": [] if result is None else save_painting(result, folder, run.suffix),
                "jobs": save_jobs(plan, run.photo, run.options, folder) if trouble else [],
                "notes": run_notes(plan, run.suffix, run.request),
            }
            record["files"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        seconds["total"] = time.perf_counter() - run.start
        record["timings"] = {stage: round(value, 4) for stage, value in seconds.items()}
        save_result(record, folder)
    print_run(record, run.out, run.suffix, run.as_json)
    if trouble:
        print(f"smartmask: {trouble}; the masks, and jobs for other tools, are in {run.out}.", file=sys.stderr)
        raise typer.Exit(1)


class _timed:  # noqa: N801  (reads as a function)
    """Adds the seconds of a block to a dictionary."""

    def __init__(self, seconds: dict[str, float], stage: str) -> None:
        self.seconds, self.stage = seconds, stage

    def __enter__(self) -> None:
        self.begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.stage] = time.perf_counter() - self.begun


COMMANDS: Sequence[Callable[..., None]] = (insert, remove)
