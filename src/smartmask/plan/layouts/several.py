"""Several objects of one phrase into a scene: places that agree with each other and with what is there.

"man, woman and dog on the bench": each object gets a box from the relation, the ground and the camera that the
scene's own things betray; masks are drawn one by one, each seeing the former ones. What the masks do not keep is
drawn again with another seed, and what stays unkept is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smartmask.geometry import mask_box
from smartmask.guides import Box
from smartmask.insertion.cutout import share_cutouts
from smartmask.insertion.lay import HiddenError, ObjectRequest, Plan, lay, seed_of
from smartmask.io.checks import MAX_MASKS
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.watch import Progress
from smartmask.masks.weights import Weights
from smartmask.plan.language import relations
from smartmask.plan.language.phrases import Relation, Request, parse
from smartmask.plan.layouts.arrange import Placed, arrange, layers_as_placed
from smartmask.plan.layouts.ground import Ground, fit_zoom, read_ground
from smartmask.plan.layouts.sizes import SceneSizes
from smartmask.plan.planners.given import drawing_order, support_rank
from smartmask.scene import Scene

if TYPE_CHECKING:
    import torch

    from smartmask.masks.pipeline import SmartMaskPipeline
    from smartmask.text.encoder import TextEncoder
    from smartmask.text.typical import Sizes

TRIES = 4  # arrangements drawn until every relation holds and nothing is crowded
CROWDED = 0.2  # mean overlap from which another arrangement is tried
OVERLAPPING = ("on", "in", "under", "behind", "in front of")  # relations that ask for it


@dataclass(frozen=True, eq=False)
class SeveralResult:
    """plan: the objects in drawing order. met: each relation of the phrase, and whether the masks keep it.

    crowded: how much the objects overlap what they should not, in [0, 1].
    """

    plan: Plan
    met: tuple[tuple[Relation, bool], ...]
    crowded: float = 0.0

    @property
    def kept(self) -> int:
        """How many relations hold."""
        return sum(kept for _, kept in self.met)


@dataclass(eq=False)
class PhraseInsertion:
    """A phrase that was read for a scene, to be laid once. met: empty until then."""

    scene: Scene
    request: Request
    objects: list[ObjectRequest]
    weights: Weights = field(default_factory=Weights)
    met: tuple[tuple[Relation, bool], ...] = ()

    def plan(self, num_masks: int, generator: int, callback: Progress | None = None) -> Plan:
        """The objects laid, and ``met`` filled; loads the pipeline."""
        pipeline = self.weights.load()
        found = lay_several(
            self.scene, self.request, pipeline, objects=self.objects, num_masks=num_masks, generator=generator,
            callback=callback,
        )  # fmt: skip
        self.met = found.met
        return found.plan


def read_phrase(
    text: str, scene: Scene, weights: Weights, context: str | None = None, cutouts: Sequence[Path] = ()
) -> PhraseInsertion:
    """A phrase for a scene, by the vocabulary of the weights; errors as in ``parse``."""
    from smartmask.text.encoder import TextEncoder

    known = tuple(layer.name for layer in scene.layers)
    request = parse(text, TextEncoder.from_pretrained((weights.weights or BUNDLED_MASKS) / "text"), known)
    return PhraseInsertion(scene, request, requests_of(request, context, cutouts), weights)


def requests_of(
    request: Request, context: str | None = None, cutouts: Sequence[Path] = ()
) -> list[ObjectRequest]:  # fmt: skip
    """The objects of a phrase in drawing order, without a place yet.

    cutouts: one for objects of one name, or one an object in the order in which the phrase names them. ValueError for
    another number, or if the phrase names no object.
    """
    keys = drawing_order(request)
    if not keys:
        raise ValueError(f"There is no object to insert in '{request.text}'; name one, such as 'two dogs'.")
    shared = share_cutouts([item.name for item in request.things], cutouts, "--cutout")
    own = {item.key: None if at is None else cutouts[at] for item, at in zip(request.things, shared, strict=True)}
    return [ObjectRequest(request.find(key).prompt, context=context, cutout=own[key]) for key in keys]


def lay_several(
    scene: Scene,
    request: Request,
    pipeline: SmartMaskPipeline,
    *,
    objects: Sequence[ObjectRequest] | None = None,
    num_masks: int = 8,
    generator: int | torch.Generator | None = 0,
    callback: Progress | None = None,
) -> SeveralResult:
    """A mask for each object of a phrase; of TRIES arrangements the first whose relations all hold, else the best.

    request: from ``parse`` with the scene's layer names as ``known``. objects: of ``requests_of``, which is what
    None means. generator: the seed, or what draws it. Raises ValueError as ``lay`` does.
    """
    keys = drawing_order(request)
    seed = seed_of(generator, 50 * (TRIES - 1) + MAX_MASKS * len(keys))
    objects = list(objects or requests_of(request))
    there = layers_as_placed(scene)
    names = [request.find(key).name for key in keys]
    ground = fit_sizes(read_ground(scene), there, names, pipeline.text, pipeline.model.size)
    tried: list[SeveralResult] = []
    for attempt in range(TRIES):
        places = arrange(request, keys, ground, pipeline.text, there, seed + attempt)
        plan = _lay(scene, objects, places, pipeline, num_masks, seed + 50 * attempt, callback)
        tried.append(SeveralResult(plan, relations_met(request, plan, keys), crowding(request, plan, keys)))
        if tried[-1].kept == len(request.relations) and tried[-1].crowded < CROWDED:
            break
    return max(tried, key=lambda result: (result.kept, -result.crowded))


def crowding(request: Request, plan: Plan, keys: Sequence[str]) -> float:
    """The mean over new objects of the largest share, of the smaller of the two, that one has in common with another
    thing; not with what carries things, nor with what it is asked to be on, in, under, behind or in front of."""
    linked = {(r.subject, r.reference) for r in request.relations if r.kind in OVERLAPPING}
    linked |= {(b, a) for a, b in linked}
    there = [(f"layer:{layer.name}", layer.mask) for layer in plan.scene.layers
             if layer.thing and support_rank(layer.name) > 1]  # fmt: skip
    new = [(key, laid.mask) for key, laid in zip(keys, plan.objects, strict=True)]
    worst = []
    for key, mask in new:
        others = [other for name, other in (*there, *new) if name != key and (key, name) not in linked]
        shares = [np.count_nonzero(mask & other) / max(min(mask.sum(), other.sum()), 1) for other in others]
        worst.append(max(shares, default=0.0))
    return float(np.mean(worst))


def fit_sizes(
    ground: Ground, there: Sequence[Placed], names: Sequence[str], text: TextEncoder, sizes: Sizes | None = None
) -> Ground:
    """The ground with sizes that follow the scene's own things; without any, that show the new ones well.

    sizes: of names as pictures show them; None: the typical ones.
    """
    camera = SceneSizes.fit([(item.name, item.box) for item in there], ground.size[0], text, sizes)
    return fit_zoom(ground, list(names), text) if camera is None else replace(ground, camera=camera, sizes=sizes)


def _lay(
    scene: Scene, objects: Sequence[ObjectRequest], places: Sequence[Placed], pipeline: SmartMaskPipeline,
    num_masks: int, seed: int, callback: Progress | None,
) -> Plan:  # fmt: skip
    """Lay the places one after another, each at the depth that its place says."""
    plan = Plan(scene, ())
    depths = [_depth_of(layer.mask) if layer.thing else -np.inf for layer in scene.layers]
    stuff = sum(1 for depth in depths if depth == -np.inf)
    for number, (spot, request) in enumerate(zip(places, objects, strict=True)):
        order = max([i + 1 for i, depth in enumerate(depths) if depth <= spot.depth], default=0)
        order = max(order, stuff if all(d == -np.inf for d in depths[:stuff]) else order)
        placed = replace(request, guidance=[Box(*spot.box)], order=order, seed=seed + MAX_MASKS * number)
        try:
            laid = lay(plan.after(), [placed], num_masks=num_masks, pipeline=pipeline, generator=seed,
                       callback=callback)  # fmt: skip
        except HiddenError:  # a relation that cannot be seen is worth less than the object
            order = len(depths)
            placed = replace(placed, order=order)
            laid = lay(plan.after(), [placed], num_masks=num_masks, pipeline=pipeline, generator=seed,
                       callback=callback)  # fmt: skip
        depths.insert(order, spot.depth)
        plan = replace(plan, objects=(*plan.objects, laid.objects[0]))
    return plan


def _depth_of(mask: np.ndarray) -> float:
    box = mask_box(mask)
    return -np.inf if box is None else box[3]


def relations_met(request: Request, plan: Plan, keys: Sequence[str]) -> tuple[tuple[Relation, bool], ...]:
    """Each relation of the phrase, and whether the plan's masks keep it."""
    final, stack = plan.after(), plan.stack()
    where = {key: stack.index(number) for number, key in enumerate(keys)}
    found = []
    for relation in request.relations:
        subject = where.get(relation.subject)
        reference = where.get(relation.reference)
        if reference is None and relation.reference.startswith("layer:"):
            name = relation.reference.removeprefix("layer:")
            same = [i for i, layer in enumerate(final.layers) if layer.name == name and stack[i] is None]
            reference = max(same, key=lambda i: int(final.layers[i].mask.sum())) if same else None
        found.append((relation, _holds(relation, final, subject, reference)))
    return tuple(found)


def _holds(relation: Relation, scene: Scene, subject: int | None, reference: int | None) -> bool:
    if subject is None or reference is None:
        return False
    one, other = scene.layers[subject].mask, scene.layers[reference].mask
    if not (one.any() and other.any()):
        return False
    if not scene.layers[reference].thing and relation.kind in ("on", "in"):
        return relations.stands_on(one, other)
    return relations.masks_hold(relation.kind, one, other, subject > reference)
