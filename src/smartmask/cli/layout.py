"""The commands ``layout`` (a sentence in, a layered layout out) and ``plan`` (what comes next).

Nothing heavy is imported at start-up.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.cli.insertion_options import (
    ControlOption,
    ControlScaleOption,
    DeviceOption,
    DtypeOption,
    NegativeOption,
    OffloadOption,
    ScaleOption,
    SideOption,
    SlicingOption,
    StepsOption,
)
from smartmask.cli.options import (
    LicencesOption,
    MemoryOption,
    ResultJsonOption,
    SeedOption,
    WeightsOption,
    step_progress,
)
from smartmask.cli.picture import PaintOption, add_picture, describe_request, read_request

MAX_SIDE = 4096
PlannerOption = Annotated[
    str, typer.Option(metavar="NAME", help="given, learned, vision:MODEL or endpoint:MODEL: who says what comes next.")
]


def layout(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The scene: 'a beach with two people and a boat'.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the layout.")],
    size: Annotated[str, typer.Option(metavar="WIDTHxHEIGHT", help="Of the picture.")] = "512x384",
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="Candidate masks an object.")] = 4,
    seed: SeedOption = 0,
    planner: PlannerOption = "learned",
    ideas: Annotated[
        int, typer.Option(min=0, max=20, help="Objects that the planner may add to those of the text, if they fit.")
    ] = 0,
    animate: Annotated[bool, typer.Option("--animation/--no-animation", help="Also steps.gif.")] = True,
    weights: WeightsOption = None,
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    paint: PaintOption = None,
    controlnet: ControlOption = None,
    control_scale: ControlScaleOption = None,
    steps: StepsOption = None,
    guidance_scale: ScaleOption = None,
    negative_prompt: NegativeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    slicing: SlicingOption = False,
    side: SideOption = None,
    as_json: ResultJsonOption = False,
) -> None:
    """Draw a layered layout from a sentence: surfaces first, then the objects, every layer whole.

    Writes scene.json, label_map.png with names.json, panoptic.png and panoptic.json, colour.png, steps.gif
    and result.json. Relations such as on, beside, behind, left of are checked; those not met are named.
    With --paint a text-to-image model and its segmentation ControlNet then paint picture.png.
    """
    from smartmask.io import checks
    from smartmask.io.publish import staging
    from smartmask.masks.results import save_result
    from smartmask.masks.weights import Weights

    start = time.perf_counter()
    checks.check_prompt(text, "scene text")
    checks.check_num_masks(num_masks)
    checks.check_seed(seed)
    width, height = parse_size(size)
    known = Weights.of(weights=weights, licences=licences, memory=memory).checked()
    picture = read_request(
        paint, controlnet=controlnet, control_scale=control_scale, steps=steps, guidance_scale=guidance_scale,
        negative_prompt=negative_prompt, device=device, dtype=dtype, offload=offload, slicing=slicing, side=side,
    )  # fmt: skip
    with staging(out) as folder:
        from smartmask.plan.layouts.pipeline import draw_layout
        from smartmask.plan.layouts.results import describe_layout, save_layout
        from smartmask.plan.layouts.stuff import load_field
        from smartmask.plan.planners.load import load_planner

        pipeline, field = known.load(), load_field()
        engine = load_planner(planner, pipeline.text, ideas)
        # before the drawing, as a wrong folder should not cost its time
        painter, trouble = picture.load() if picture is not None else (None, "")
        loaded = time.perf_counter()
        with step_progress("objects") as on_step:
            drawn = draw_layout(
                text, height, width, pipeline, field, planner=engine, seed=seed, num_masks=num_masks, on_step=on_step
            )
        done = time.perf_counter()
        files = save_layout(drawn, folder, animate)
        request = {"command": "layout", "text": text, "size": {"width": width, "height": height}, "seed": seed}
        record: dict[str, Any] = {**request, **describe_layout(drawn), "files": files}
        record["timings"] = {"load": round(loaded - start, 3), "draw": round(done - loaded, 3),
                             "total": round(time.perf_counter() - start, 3)}  # fmt: skip
        if picture is not None:
            record["picture"] = describe_request(picture, trouble)
        save_result(record, folder)
    if picture is not None:  # the layout lies in its folder by now, whatever becomes of the picture
        trouble = add_picture(picture, painter, drawn.scene(), text, seed, record, out)
    _print(record, out, as_json)
    if trouble:
        print(f"smartmask: There is no picture: {trouble}; the layout is in {out}.", file=sys.stderr)
        raise typer.Exit(1)


def plan(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the scene is about, and what it should hold.")],
    scene: Annotated[
        Path | None, typer.Option(metavar="JSON", help="A scene.json: what is there already; nothing by default.")
    ] = None,
    planner: PlannerOption = "learned",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=50, help="Proposals at most.")] = 5,
    weights: WeightsOption = None,
    as_json: ResultJsonOption = False,
) -> None:
    """What to draw next: the text's missing objects in order, then what such scenes also hold, with reasons."""
    from smartmask.io import checks
    from smartmask.scene import Scene
    from smartmask.scene.scene_file import load_scene

    checks.check_prompt(text, "scene text")
    there = load_scene(scene)[0] if scene is not None else Scene.empty(384, 512)
    from smartmask.io.package import BUNDLED_MASKS
    from smartmask.plan.language.phrases import parse
    from smartmask.plan.planners.interface import PlanState, placed_already
    from smartmask.plan.planners.learned import LearnedPlanner
    from smartmask.plan.planners.load import load_planner
    from smartmask.text.encoder import TextEncoder

    encoder = TextEncoder.from_pretrained((weights or BUNDLED_MASKS) / "text")
    request = parse(text, encoder)
    engine = load_planner(planner, encoder, 0 if planner == "given" else count)
    state = PlanState(there, request, placed_already(request, there))
    found = [*engine.propose(state, count)]
    if isinstance(engine, LearnedPlanner) and found and found[-1].key is not None and len(found) < count:
        found += engine.ideas_for(state, count - len(found))
    record = {
        "command": "plan", "text": text, "layers": [layer.name for layer in there.layers],
        "next": [
            {"name": item.name, "wanted": item.key is not None, "score": round(item.score, 4), "why": item.why,
             "region": None if item.region is None else [round(v, 3) for v in item.region]}
            for item in found
        ],
        "notes": list(request.notes),
    }  # fmt: skip
    if as_json:
        print(json.dumps(record, indent=2))
        return
    for item in found:
        print(f"{item.score:.3f}  {item.name}  {item.why}")
    if not found:
        print("Nothing more: the scene is complete.")


def parse_size(text: str) -> tuple[int, int]:
    """``(width, height)`` of WIDTHxHEIGHT; ValueError unless both are whole numbers from 16 to MAX_SIDE."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"The size '{text}' is not WIDTHxHEIGHT; give whole numbers such as 512x384.")
    width, height = (int(part) for part in parts)
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise ValueError(f"The size {width}x{height} is out of range; both sides must be 16 to {MAX_SIDE} pixels.")
    return width, height


def _print(record: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(record, indent=2))
        return
    for note in record["notes"]:
        print(f"smartmask: note: {note}", file=sys.stderr)
    for item in record["layers"]:
        place = "empty" if item["box"] is None else ",".join(f"{edge:g}" for edge in item["box"])
        print(f"{item['layer']:3d}  {item['key']}  box {place}  seen {100 * item['seen']:.0f} %  seed {item['seed']}")
    relations = record["relations"]
    if relations:
        print(f"{sum(r['met'] for r in relations)} of {len(relations)} relations met")
    print(f"{len(record['layers'])} layers in {out} after {record['timings']['total']:.1f} s")


COMMANDS: Sequence[Callable[..., None]] = (layout, plan)
