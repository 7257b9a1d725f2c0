"""``POST /v1/layout`` and ``POST /v1/plan``: whole layered layouts from a sentence, and what could come next."""

from __future__ import annotations

import time
from typing import Any

from smartmask.export.pictures import scene_colours
from smartmask.image.photo import Photo
from smartmask.io.package import VERSION
from smartmask.io.sentences import short_repr
from smartmask.plan.language.phrases import parse
from smartmask.plan.layouts.pipeline import draw_layout
from smartmask.plan.layouts.results import described
from smartmask.plan.planners.interface import PlanState, placed_already
from smartmask.plan.planners.job import Proposal
from smartmask.plan.planners.load import Planned, load_planner
from smartmask.scene import Scene
from smartmask.scene.scene_file import scene_to_dict
from smartmask.studio.answers import Shelf
from smartmask.studio.bodies import LayoutBody, PlanBody
from smartmask.studio.tasks.masks import read_scene
from smartmask.studio.tasks.service import Call, Service

MAX_SIDE = 4096
PLANNERS = ("given", "learned")  # the others are models, folders or addresses, which the service's owner would name


def run_layout(call: Call, body: LayoutBody) -> dict[str, Any]:
    """Reads the sentence and draws surfaces, then objects, back to front."""
    start = time.perf_counter()
    width, height = body.size
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise ValueError(f"The size {width}x{height} is out of range; both sides must be 16 to {MAX_SIDE} pixels.")
    _check_planner(body)
    with call.job.watch("loading"):
        pipeline, field = call.engine.pipeline, call.engine.field
        planner = load_planner(body.planner, pipeline.text, body.ideas)
    with call.job.watch("objects") as on_step:
        drawn = draw_layout(body.text, height, width, pipeline, field, planner=planner, generator=body.seed,
                            num_masks=body.num_masks, callback_on_step_end=on_step)  # fmt: skip
    with call.job.watch("writing"):
        scene = drawn.scene()
        told = {key: _plain(value) for key, value in described(drawn).items()}
        colour = Shelf(call.inputs.session, body.inline).photo(Photo(scene_colours(scene)), "colour.png")
    return {
        "version": VERSION, "text": body.text, **told, "scene": scene_to_dict(scene, drawn.history()),
        "colour": colour, "timings": {"total": round(time.perf_counter() - start, 4)},
    }  # fmt: skip


def run_plan(call: Call, body: PlanBody) -> dict[str, Any]:
    """What could come next, best first."""
    _check_planner(body)
    with call.job.watch("reading"):
        given = body.photo is not None or body.size is not None or body.scene is not None
        scene = read_scene(call, body)[0] if given else Scene.empty(384, 512)
        text = body.text.strip() or ", ".join(dict.fromkeys(layer.name for layer in scene.layers))
        if not text:
            raise ValueError("There is nothing to plan from; give a text, or a scene with layers.")
    with call.job.watch("loading"):
        encoder = call.engine.pipeline.text
        planner = load_planner(body.planner, encoder, 0 if body.planner == "given" else body.count)
    with call.job.watch("objects"):
        request = parse(text, encoder)
        found = planner.propose(PlanState(scene, request, placed_already(request, scene)), body.count)
    notes = list(request.notes) if found else [*request.notes, "The planner holds this scene for complete."]
    return {
        "version": VERSION, "text": text, "layers": [layer.name for layer in scene.layers],
        "next": [Proposal.of(one).model_dump() for one in found], "notes": notes,
    }  # fmt: skip


def _check_planner(body: Planned) -> None:
    if body.planner not in PLANNERS:
        raise ValueError(f"There is no planner {short_repr(body.planner)} here; use {' or '.join(PLANNERS)}.")


def _plain(value: Any) -> Any:
    """JSON values of records and lists of them."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump() if hasattr(value, "model_dump") else value


LAYOUT = Service(
    "layout", "A whole layered layout of a sentence.", LayoutBody, run_layout, (),
    {"text": "a beach with two people and a boat", "size": [256, 192]},
)  # fmt: skip
PLAN = Service(
    "plan", "What could come next in a scene, with reasons.", PlanBody, run_plan, ("photo", "layout"),
    {"text": "a kitchen with a table", "count": 3},
)  # fmt: skip
