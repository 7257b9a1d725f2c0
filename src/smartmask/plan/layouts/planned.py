"""Objects into a scene as a planner names them: one question an object, each with the layout so far.

So SmartMask inserts several objects (arXiv 2312.05039, section 3.3): (layout, prompt, objects placed so far) -> the
next object, which the mask model then places without a guide. A planner that names a place too may have it used as a
box instead; which is better is the user's to try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from smartmask.guides import Box
from smartmask.insertion.lay import HiddenError, Laid, ObjectRequest, Plan, lay, seed_of
from smartmask.io.checks import MAX_MASKS
from smartmask.io.watch import Progress
from smartmask.plan.language.phrases import Relation, Request
from smartmask.plan.layouts.several import relations_met
from smartmask.plan.planners.interface import NextObject, Planner, PlanState, idea_key
from smartmask.scene import Scene

if TYPE_CHECKING:
    import torch

    from smartmask.masks.pipeline import SmartMaskPipeline

Places = Literal["free", "planner"]
MOST = 60  # objects at most


@dataclass(frozen=True, eq=False)
class PlannedStep:
    """One object that a planner named. guided: whether its place was the mask's guide. laid: None where it could not be
    seen."""

    key: str
    proposal: NextObject
    guided: bool
    laid: Laid | None


@dataclass(frozen=True, eq=False)
class PlannedResult:
    """plan: the objects in drawing order. steps: what the planner named. met: each relation of the text, and whether
    the masks keep it. notes: sentences for the user."""

    plan: Plan
    steps: tuple[PlannedStep, ...]
    met: tuple[tuple[Relation, bool], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Progress:
    """What has been laid so far."""

    plan: Plan
    placed: list[str]
    steps: list[PlannedStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def lay_planned(
    scene: Scene,
    request: Request,
    planner: Planner,
    pipeline: SmartMaskPipeline,
    *,
    ideas: int = 1,
    places: Places = "free",
    context: str | None = None,
    num_masks: int = 8,
    generator: int | torch.Generator | None = 0,
    callback: Progress | None = None,
) -> PlannedResult:
    """A mask for each object that the planner names, each seeing the former ones.

    request: the text, and its wanted objects (none: all are the planner's ideas). ideas: how many objects beyond the
    text; the planner was loaded with as many. places: "free" leaves the place to the mask model, "planner" makes the
    planner's box, where it has one, the guide. context: of the masks. generator: the seed, or what draws it; object k
    has the seeds from MAX_MASKS * k on. callback(done, of) after each object.
    It ends when the planner has no more, or when all are laid. Raises ValueError as ``lay`` does.
    """
    count = min(len(request.things) + ideas, MOST)
    seed = seed_of(generator, MAX_MASKS * max(count, 1))
    so_far = _Progress(Plan(scene, ()), [])
    for number in range(count):
        following = _following(planner, PlanState(so_far.plan.after(), request, tuple(so_far.placed)))
        if following is None:
            break
        key, proposal = following
        name = proposal.name if proposal.key is None else request.find(key).prompt
        guide = _guide(proposal, scene) if places == "planner" else None
        wanted = ObjectRequest(name, guide, context=context, seed=seed + MAX_MASKS * number)
        laid = _laid(so_far.plan, wanted, num_masks, pipeline)
        so_far.placed.append(key)
        so_far.steps.append(PlannedStep(key, proposal, guide is not None, laid))
        if laid is None:
            so_far.notes.append(f"Nothing of '{name}' would be seen, even in front; it is left out.")
        else:
            so_far.plan = replace(so_far.plan, objects=(*so_far.plan.objects, laid))
        if callback is not None:
            callback(number + 1, count)
    keys = [step.key for step in so_far.steps if step.laid is not None]
    met = relations_met(request, so_far.plan, keys)
    notes = (*so_far.notes, *getattr(planner, "notes", ()))
    return PlannedResult(so_far.plan, tuple(so_far.steps), met, notes)


def _following(planner: Planner, state: PlanState) -> tuple[str, NextObject] | None:
    """The planner's next object with its key, the first that is not placed yet; None when it has no more."""
    for proposal in planner.propose(state, 5):
        if proposal.key is None:
            return idea_key(proposal.name, state.placed), proposal
        if proposal.key not in state.placed:
            return proposal.key, proposal
    return None


def _guide(proposal: NextObject, scene: Scene) -> list[Box] | None:
    if proposal.region is None:
        return None
    x0, y0, x1, y1 = proposal.region
    return [Box(x0 * scene.width, y0 * scene.height, x1 * scene.width, y1 * scene.height)]


def _laid(plan: Plan, wanted: ObjectRequest, num_masks: int, pipeline: SmartMaskPipeline) -> Laid | None:
    """The object at the depth that the model gives it; in front where nothing would be seen of it there, else None."""
    scene = plan.after()
    orders: Sequence[int | None] = (None, len(scene.layers))
    for order in orders:
        try:
            request = replace(wanted, order=order)
            return lay(scene, [request], num_masks=num_masks, pipeline=pipeline, generator=wanted.seed).objects[0]
        except HiddenError:
            continue
    return None
