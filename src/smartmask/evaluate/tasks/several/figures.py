"""Several objects put into a real scene together, beside each put in by itself: relations, overlap, sizes.

A task is a real test scene and a phrase about a thing in it: "a dog left of the bench and a man right of the bench".
Which names stand with it is drawn from a training scene that holds the same thing. Systems:

* ``together``: what ``insert --objects`` does; places by the phrase, the ground and the camera.
* ``in sequence``: ``insert --object`` once each: the mask model's own places, each object seeing the former ones.
* ``independent``: the same, but each sees the scene as it was.

The size of a new thing is judged by a model that no part of the project uses (``evaluate/sizes.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.plans import THINGS, PlanScene
from smartmask.evaluate.sizes import SizeModel
from smartmask.geometry import mask_box
from smartmask.insertion.lay import HiddenError, ObjectRequest, Plan, lay
from smartmask.io.checks import MAX_MASKS
from smartmask.metrics.intervals import mean_interval
from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Relation, Request, Wanted
from smartmask.plan.layouts.several import lay_several, relations_met, requests_of
from smartmask.plan.planners.given import drawing_order
from smartmask.scene import Scene
from smartmask.scene.categories import clean_name

if TYPE_CHECKING:
    from smartmask.masks.pipeline import SmartMaskPipeline

FIGURES = ("relations", "overlap", "overlapping", "size")
SYSTEMS = ("together", "in sequence", "independent")
TEMPLATES = (("left of", "right of"), ("behind", "in front of"), ("beside", "beside"), ("left of", None))
LEAST, MOST = 0.01, 0.4  # share of the picture of the thing that a phrase speaks of
CROWD = 12  # things beyond which a scene is left out
OVERLAP = 0.25  # share of the smaller of two objects from which they are said to overlap
MAY_OVERLAP = ("on", "in", "behind", "in front of", "under")


@dataclass(frozen=True, eq=False)
class Task:
    """A real scene (layers named plainly) and a request of two or three objects for it."""

    key: str
    scene: Scene
    request: Request


def make_tasks(
    pack: Pack, train: Sequence[PlanScene], unseen: Sequence[PlanScene], limit: int = 0, seed: int = 0
) -> list[Task]:
    """One task a scene that has a single thing of its name, LEAST to MOST of the picture; ``limit`` at most, 0: all."""
    tasks: list[Task] = []
    for scene in unseen:
        rng = np.random.default_rng([seed, len(tasks)])
        things = [name for name in scene.names if name in THINGS]
        if not 1 <= len(things) <= CROWD:
            continue
        shares = np.prod(scene.boxes[:, 2:] - scene.boxes[:, :2], axis=1)
        fit = [n for n, s in zip(scene.names, shares, strict=True) if things.count(n) == 1 and LEAST <= s <= MOST]
        fit = [name for name in fit if name in THINGS]
        if not fit:
            continue
        reference = str(rng.choice(fit))
        company = _company(reference, train, rng)
        request = _request(reference, company, TEMPLATES[len(tasks) % len(TEMPLATES)])
        plain = pack[scene.record].scene
        layers = tuple(replace(layer, name=clean_name(layer.name)) for layer in plain.layers)
        tasks.append(Task(scene.key, replace(plain, layers=layers), request))
        if len(tasks) == limit:
            break
    return tasks


def _company(name: str, train: Sequence[PlanScene], rng: np.random.Generator) -> list[str]:
    """Two names of things of a random training scene with the name; person and dog where there is none."""
    scenes = [s for s in train if name in s.names and len({n for n in s.names if n in THINGS and n != name}) >= 2]
    if not scenes:
        return [n for n in ("person", "dog", "chair") if n != name][:2]
    chosen = scenes[int(rng.integers(len(scenes)))]
    others = sorted({n for n in chosen.names if n in THINGS and n != name})
    return [str(n) for n in rng.permutation(others)[:2]]


def _request(reference: str, company: Sequence[str], kinds: tuple[str | None, ...]) -> Request:
    """Two new objects with a relation each to the layer; for a kind None, the first has its to the second."""
    first, second = (Wanted(name, name) for name in company)
    if kinds[1] is None:
        relations: tuple[Relation, ...] = (Relation(first.key, str(kinds[0]), second.key),)
    else:
        there = f"layer:{reference}"
        relations = (Relation(first.key, str(kinds[0]), there), Relation(second.key, kinds[1], there))
    return Request(" and ".join(map(str, relations)), (first, second), relations)


# --- systems -----------------------------------------------------------------------------------


def lay_task(task: Task, system: str, pipeline: SmartMaskPipeline, num_masks: int, seed: int) -> Plan:
    """The plan of one of SYSTEMS, its objects in drawing order. ValueError for another name."""
    objects = requests_of(task.request)
    if system == "together":
        return lay_several(task.scene, task.request, pipeline, num_masks=num_masks, generator=seed).plan
    if system not in SYSTEMS:
        raise ValueError(f"There is no system '{system}'; there are {', '.join(SYSTEMS)}.")
    plan = Plan(task.scene, ())
    former: list[int] = []  # orders in the scene as it was
    for number, request in enumerate(objects):
        seen = plan.after() if system == "in sequence" else task.scene
        laid = _one(seen, request, pipeline, num_masks, seed + MAX_MASKS * number)
        order = laid.objects[0].order
        if system == "independent":
            former.append(order)
            order += sum(other <= order for other in former[:-1])
        plan = replace(plan, objects=(*plan.objects, replace(laid.objects[0], order=order)))
    return plan


def _one(scene: Scene, request: ObjectRequest, pipeline: SmartMaskPipeline, num_masks: int, seed: int) -> Plan:
    try:
        return lay(scene, [request], num_masks=num_masks, pipeline=pipeline, generator=seed)
    except HiddenError:  # at the depth that the model chose
        front = replace(request, order=len(scene.layers))
        return lay(scene, [front], num_masks=num_masks, pipeline=pipeline, generator=seed)


# --- figures -----------------------------------------------------------------------------------


def task_figures(task: Task, plan: Plan, sizes: SizeModel) -> dict[str, float]:
    """``relations`` and ``overlap`` (means in [0, 1]), ``overlapping`` (share of the new objects with an unwanted
    overlap of OVERLAP or more), ``size`` (mean error in nats, absent where it cannot be told)."""
    keys = drawing_order(task.request)
    worst = [max(found, default=0.0) for found in unwanted_overlaps(task, plan, keys)]
    figures = {
        "relations": float(np.mean([kept for _, kept in relations_met(task.request, plan, keys)])),
        "overlap": float(np.mean(worst)),
        "overlapping": float(np.mean([value >= OVERLAP for value in worst])),
    }
    known = (_residual(sizes, layer, task.scene) for layer in task.scene.layers)
    there = [value for value in known if value is not None]
    errors = []
    for laid in plan.objects:
        box = mask_box(laid.mask)
        own = None if box is None else sizes.residual(laid.name, box[1] / task.scene.height, box[3] / task.scene.height)
        error = None if own is None else sizes.error(own, there)
        if error is not None:
            errors.append(error)
    if errors:
        figures["size"] = float(np.mean(errors))
    return figures


def _residual(sizes: SizeModel, layer: Any, scene: Scene) -> float | None:
    box = mask_box(layer.mask)
    if box is None or not layer.thing:
        return None
    return sizes.residual(clean_name(layer.name), box[1] / scene.height, box[3] / scene.height)


def unwanted_overlaps(task: Task, plan: Plan, keys: Sequence[str]) -> list[list[float]]:
    """For each new object its overlaps with others, as shares of the smaller of the two.

    The others are the scene's own things and the new objects, but not what it is asked to stand on, in, under, behind
    or in front of, nor what carries things (a table, a sofa, a rug).
    """
    linked = {(r.subject, r.reference) for r in task.request.relations if r.kind in MAY_OVERLAP}
    linked |= {(b, a) for a, b in linked}
    carriers = grammar.SUPPORTS[0] | grammar.SUPPORTS[1]
    found: list[list[float]] = []
    for number, (key, laid) in enumerate(zip(keys, plan.objects, strict=True)):
        shares = []
        for layer in task.scene.layers:
            if layer.thing and layer.name.split()[-1] not in carriers and (key, f"layer:{layer.name}") not in linked:
                shares.append(_share(laid.mask, layer.mask))
        for other, theirs in enumerate(plan.objects):
            if other != number and (key, keys[other]) not in linked:
                shares.append(_share(laid.mask, theirs.mask))
        found.append(shares)
    return found


def _share(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(min(a.sum(), b.sum()), 1))


def together_report(
    tasks: Iterable[Task], sizes: SizeModel, pipeline: SmartMaskPipeline, num_masks: int = 4, seed: int = 0
) -> dict[str, dict[str, list[float]]]:  # fmt: skip
    """{system: {figure: [mean, low, high]}}, 95 % bootstrap intervals over tasks."""
    rows: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
    for number, task in enumerate(tasks):
        for system in SYSTEMS:
            plan = lay_task(task, system, pipeline, num_masks, seed + 10 * number)
            rows[system].append(task_figures(task, plan, sizes))
    values = {system: {key: [row[key] for row in own if key in row] for key in FIGURES} for system, own in rows.items()}
    return {system: {key: mean_interval(v) for key, v in own.items() if v} for system, own in values.items()}
