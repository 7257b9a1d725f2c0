"""``smartmask masks``: masks of where and how an object could stand in a photo."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.cli.options import (
    BlobOption,
    BoxOption,
    ContextOption,
    FacingOption,
    LayoutOption,
    LicencesOption,
    LikeDistanceOption,
    LikeOption,
    MaskOption,
    MemoryOption,
    NamesOption,
    NotBoxOption,
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


def masks(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    prompt: Annotated[str, typer.Option("--object", metavar="TEXT", help="What to insert, such as 'dog'.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the masks, overlay.png and result.json.")],
    layout: LayoutOption = None,
    names: NamesOption = None,
    panoptic: PanopticOption = None,
    segmenter: SegmenterOption = None,
    context: ContextOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    blob: BlobOption = None,
    scribble: ScribbleOption = None,
    mask: MaskOption = None,
    polygon: PolygonOption = None,
    not_box: NotBoxOption = None,
    order: OrderOption = None,
    facing: FacingOption = None,
    like: LikeOption = None,
    like_distance: LikeDistanceOption = 0.3,
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="How many masks, 1 to 1000.")] = 8,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Draw four times as many and keep those that are good and differ.")
    ] = False,
    seed: SeedOption = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps, for models that have them.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="How much the fit to name and scene counts.")] = None,
    context_guidance_scale: Annotated[float | None, typer.Option(help="How much the context text counts.")] = None,
    weights: WeightsOption = None,
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    as_json: ResultJsonOption = False,
) -> None:
    """Masks of where and how an object could stand in a photo, best first.

    Guides may be repeated and combined; without any, the model chooses the place.
    Coordinates are pixels of the upright photo; a guide may cross its border.
    """
    from smartmask.guides.parse import read_guides
    from smartmask.image.files import load_guide_mask
    from smartmask.io import checks
    from smartmask.io.publish import staging
    from smartmask.masks.results import describe_masks, save_masks, save_result
    from smartmask.masks.weights import Weights
    from smartmask.scene.read import read_scene

    # 1. Everything that can be wrong with the input, cheapest first; torch is not imported yet.
    start = time.perf_counter()
    source = Weights(weights, licences, memory).checked()
    request: dict[str, Any] = {
        "command": "masks",
        "image": str(image),
        "object": checks.check_prompt(prompt),
        "context": None if context is None else checks.check_prompt(context, "context prompt"),
        "num_masks": checks.check_num_masks(num_masks),
        "diverse": diverse,
        "seed": checks.check_seed(seed),
        "steps": checks.check_steps(steps),
        "guidance_scale": checks.check_scale(guidance_scale),
        "context_guidance_scale": checks.check_scale(context_guidance_scale, "context guidance scale"),
        "facing": checks.check_facing(facing),
        "like": None if like is None else str(like),
        "like_distance": checks.check_distance(like_distance),
        **source.describe(),
    }
    if diverse:
        checks.check_pool(num_masks)
    variations = None if like is None else load_guide_mask(like) > 0.5
    scene, notes = read_scene(image, layout, names, panoptic, segmenter)
    size = scene.height, scene.width
    texts = {"box": box, "point": point, "blob": blob, "scribble": scribble, "mask": mask, "polygon": polygon}
    guides = read_guides(texts, size)
    not_here = read_guides({"box": not_box}, size)
    request["not_here"] = [guide.describe() for guide in not_here]
    request["order"] = checks.check_order(order, len(scene.layers))
    seconds = {"input": time.perf_counter() - start}

    # 2. The model, into a folder that is already known to be writable.
    with staging(out) as folder:
        moment = time.perf_counter()
        pipeline = source.load()
        seconds["load"] = time.perf_counter() - moment
        with step_progress("masks") as on_step:
            output = pipeline(
                scene,
                request["object"],
                context_prompt=request["context"],
                guidance=list(guides) or None,
                num_masks=num_masks,
                num_inference_steps=steps,
                guidance_scale=guidance_scale,
                context_guidance_scale=context_guidance_scale,
                generator=seed,
                callback_on_step_end=on_step,
                not_here=list(not_here) or None,
                order=order,
                facing=request["facing"],
                like=variations,
                like_distance=like_distance,
                diverse=diverse,
            )

        # 3. The result.
        moment = time.perf_counter()
        save_masks(output, scene, guides, folder)
        seconds["write"] = time.perf_counter() - moment
        result = describe_masks(output, scene, guides, request)
        seconds["total"] = time.perf_counter() - start
        result["notes"] = [*notes, *result["notes"]]
        result["timings"] |= {stage: round(value, 4) for stage, value in seconds.items()}
        save_result(result, folder)
    _print_masks(result, out, as_json)


def _print_masks(result: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        # ASCII escapes: the same JSON whatever the terminal's encoding is.
        print(json.dumps(result, indent=2))
        return
    for note in result["notes"]:
        print(f"smartmask: note: {note}", file=sys.stderr)
    for record in result["masks"]:
        place = "empty" if record["box"] is None else ",".join(f"{edge:g}" for edge in record["box"])
        behind = f"in front of {record['in_front_of']}" if record["in_front_of"] else "behind all"
        print(f"{record['mask']}  score {record['score']:.3f}  box {place}  {behind}  seed {record['seed']}")
    print(f"{len(result['masks'])} masks in {out} after {result['timings']['total']:.1f} s")
