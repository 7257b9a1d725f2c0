"""A whole layered layout from a sentence: surfaces first, then objects, each amodal, back to front in depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from smartmask.geometry import box_mask
from smartmask.guides import Box
from smartmask.insertion.lay import as_pipeline, seed_of
from smartmask.io.checks import MAX_MASKS
from smartmask.io.watch import Progress
from smartmask.masks.weights import Weights
from smartmask.plan.language import grammar, relations
from smartmask.plan.language.phrases import Relation, Request, Wanted, parse
from smartmask.plan.layouts.arrange import Placed, arrange, place
from smartmask.plan.layouts.furnish import furnished
from smartmask.plan.layouts.ground import Ground, fit_zoom, read_ground
from smartmask.plan.layouts.stuff import StuffField, load_field
from smartmask.plan.layouts.surfaces import GROUND, draw_surfaces
from smartmask.plan.planners.answers import is_surface
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import Planner, PlanState, idea_key
from smartmask.scene import Scene
from smartmask.text.words import word_set

if TYPE_CHECKING:
    import torch

    from smartmask.masks.pipeline import SmartMaskPipeline
    from smartmask.text.encoder import TextEncoder

MOST_ITEMS = 60
MOST_SURFACES = 5  # that a planner may name
SEEDS = MAX_MASKS * (MOST_ITEMS + 2)  # seeds that a layout may count up
CROWDED = -1.5  # score of a place below which an object that nobody asked for is left out


@dataclass(frozen=True, eq=False)
class Item:
    """One layer of a layout. place: None for a surface. mask: (H, W) bool, amodal. seed: of its mask."""

    key: str
    name: str
    mask: np.ndarray
    thing: bool
    depth: float
    seed: int
    place: Placed | None = None
    attributes: tuple[str, ...] = ()
    score: float | None = None
    locked: bool = False


@dataclass(frozen=True, eq=False)
class Layout:
    """Surfaces and objects, in the order in which they were drawn.

    request: what was asked for. items: in drawing order; ``scene()`` stacks them by depth. unmet: relations of
    the text that do not hold. notes: sentences for the user.
    """

    request: Request
    height: int
    width: int
    items: tuple[Item, ...]
    ground: Ground
    seed: int
    unmet: tuple[Relation, ...] = ()
    notes: tuple[str, ...] = ()

    def stacked(self, count: int | None = None) -> list[Item]:
        """The first ``count`` drawn items (None: all), back to front."""
        return sorted(self.items[:count], key=lambda item: (item.thing, item.depth))

    def scene(self, count: int | None = None) -> Scene:
        """The scene of the first ``count`` drawn items; empty layers are kept out."""
        scene = replace(Scene.empty(self.height, self.width), caption=self.request.text)
        for item in self.stacked(count):
            if item.mask.any():
                scene = scene.insert(item.mask, item.name, thing=item.thing)
        return scene

    def history(self) -> list[dict[str, Any]]:
        """A record an item in drawing order, for the scene file."""
        stack = [id(item) for item in self.stacked()]
        return [
            {
                "action": "draw", "name": item.name, "order": stack.index(id(item)), "seed": item.seed,
                "inpainter": None, "key": item.key, "attributes": list(item.attributes), "locked": item.locked,
                "box": None if item.place is None else [round(float(v), 2) for v in item.place.box],
                "depth": round(float(item.depth), 2),
            }
            for item in self.items
        ]  # fmt: skip


def draw_layout(
    text: str | Request,
    height: int,
    width: int,
    pipeline: SmartMaskPipeline | Weights | str | Path | None = None,
    field: StuffField | None = None,
    *,
    planner: Planner | None = None,
    generator: int | torch.Generator | None = 0,
    num_masks: int = 4,
    callback_on_step_end: Progress | None = None,
) -> Layout:
    """A layout for a sentence such as "a living room with a sofa and a cat on the rug".

    text: or what was read from it. height, width: in pixels. pipeline: or its weights; None: the bundled ones. field:
    of surfaces; None: the bundled one. planner: says what comes next until it has nothing more (None: the text's own
    objects). generator: an int is the seed, a torch.Generator draws it, None is chance. num_masks: candidates a mask,
    of which the most plausible is taken. callback_on_step_end(done, of) after each.
    The same arguments give the same layout. Raises ValueError for bad input.
    """
    seed = seed_of(generator, SEEDS)
    Scene.empty(height, width)
    pipeline, field = as_pipeline(pipeline), field or load_field()
    request = text if isinstance(text, Request) else parse(text, pipeline.text)
    planner = planner or GivenList()
    step_by_step = getattr(planner, "step_by_step", False)
    # 1. surfaces
    names, notes = surfaces_of(request)
    if step_by_step:
        names, notes = _planned_surfaces(planner, request, names, notes, lambda some: draw_surfaces(
            field, pipeline.text, some, height, width, seed))  # fmt: skip
    request, more = furnished(request, names)
    scene = draw_surfaces(field, pipeline.text, names, height, width, seed)
    surfaces = tuple(
        Item(layer.name, layer.name, layer.mask, False, float(index), seed) for index, layer in enumerate(scene.layers)
    )
    # 2. the order, and a place for each object
    ground = fit_zoom(read_ground(scene), [item.name for item in request.things], pipeline.text)
    order = [] if step_by_step else _order(planner, request, scene)
    placed = arrange(request, order, ground, pipeline.text, (), seed)
    # 3. masks
    layout = Layout(request, height, width, surfaces, ground, seed, (), (*request.notes, *notes, *more))
    for number, spot in enumerate(placed):
        item = draw_item(layout, spot, pipeline, item_seed(layout), num_masks)
        layout = replace(layout, items=(*layout.items, item))
        if callback_on_step_end is not None:
            callback_on_step_end(number + 1, len(placed))
    # 4. what the planner says on seeing that, until it has no more
    while len(layout.items) < MOST_ITEMS:
        following = next_place(layout, planner, pipeline.text)
        if following is None:
            break
        item = draw_item(layout, following, pipeline, item_seed(layout), num_masks)
        layout = replace(layout, items=(*layout.items, item))
    return checked(replace(layout, notes=(*layout.notes, *getattr(planner, "notes", ()))))


def item_seed(layout: Layout) -> int:
    """The seed of the next item's masks."""
    return layout.seed + MAX_MASKS * (sum(item.thing for item in layout.items) + 1)


def next_place(layout: Layout, planner: Planner, text: TextEncoder) -> Placed | None:
    """The place of the object that the planner wants next; None if it holds the layout for complete.

    Objects that the text does not name are left out where there is no room for them.
    """
    keys = tuple(item.key for item in layout.items if item.thing)
    proposals = planner.propose(PlanState(layout.scene(), layout.request, keys), 5)
    others = [item.place for item in layout.items if item.place is not None]
    rng = np.random.default_rng([layout.seed, len(keys)])
    for proposal in proposals:
        if proposal.key is not None:
            if proposal.key in keys:
                continue
            rules = [r for r in layout.request.relations if r.subject == proposal.key]
            wanted = layout.request.find(proposal.key)
            return place(wanted, rules, layout.ground, text, others, rng, proposal.region)
        wanted = Wanted(proposal.name, idea_key(proposal.name, keys), said=False)
        found = place(wanted, (), layout.ground, text, others, rng, proposal.region)
        if found.score > CROWDED:
            return found
    return None


def surfaces_of(request: Request) -> tuple[list[str], list[str]]:
    """``(names, notes)``: the surfaces of the setting and of the text, or a guess from the objects."""
    said = [item.name for item in request.surfaces]
    if request.setting is not None:
        names = grammar.SETTINGS[request.setting].split()
    else:
        grounded = any(name in GROUND for name in said)  # "behind the fence" says nothing of what it stands on
        names = [] if grounded else guess_surfaces([item.name for item in request.things]).split()
    extra = [name for name in said if name not in names]
    notes = []
    if request.setting is None and names:
        notes.append(f"The text names no place; the ground is a guess: {', '.join(names)}.")
    if set(extra) & _GROUNDS:  # said: it lies in place of the setting's own, which stays only if it is said as well
        names = [name for name in names if name not in _GROUNDS or name in said]
    return [*names, *extra], notes


def _planned_surfaces(
    planner: Planner, request: Request, names: list[str], notes: list[str], draw: Callable[[Sequence[str]], Scene]
) -> tuple[list[str], list[str]]:
    """``(names, notes)``: the surfaces that a planner names, one by one from an empty canvas, seeing each (``draw``).

    names, notes: of the rules. The text's own surfaces are kept, and the rules' ones where the planner names no ground.
    """
    found: list[str] = []
    while len(found) < MOST_SURFACES:
        proposals = planner.propose(PlanState(draw(found), request, surfaces=True), 1)
        name = proposals[0].name if proposals and proposals[0].key is None else ""
        name = grammar.SURFACE_NAMES.get(name, name)
        if not is_surface(name) or name in found:
            break
        found.append(name)
    if not any(name in GROUND for name in found):
        return list(dict.fromkeys([*names, *found])), notes
    said = [item.name for item in request.surfaces]
    return list(dict.fromkeys([*found, *said])), [f"The planner names the surfaces: {', '.join(found)}."]


_GROUNDS = word_set("floor grass road sand sea snow water river pavement playingfield dirt railroad platform")


def guess_surfaces(names: Sequence[str]) -> str:
    """Surfaces for things without a place."""
    nouns = {name.replace(" ", "_") for name in names}
    nouns |= {name.split()[-1] for name in names if name.replace(" ", "_") not in grammar.SMALL}  # no teddy bear's
    for words, found in (
        ({"boat", "ship", "surfboard"}, "sky sea sand"),
        ({"skis", "snowboard", "snowman"}, "sky mountain snow"),
        ({"train"}, "sky tree railroad"),
        ({"car", "bus", "truck", "traffic_light", "stop_sign", "parking_meter", "motorcycle"}, "sky building road"),
        (set(grammar.OUTDOOR), "sky tree grass"),
    ):
        if nouns & words:
            return found
    return "wall floor"


def _order(planner: Planner, request: Request, scene: Scene) -> list[str]:
    """Keys of the wanted things in the order in which the planner asks for them."""
    placed: list[str] = []
    while proposals := planner.propose(PlanState(scene, request, tuple(placed)), 1):
        key = proposals[0].key
        if key is None or key in placed:
            break
        placed.append(key)
    return placed


def draw_item(layout: Layout, spot: Placed, pipeline: SmartMaskPipeline, seed: int, num_masks: int) -> Item:
    """The object of a place with its mask; flat things are drawn in perspective, all else by the pipeline."""
    attributes = next((item.attributes for item in layout.request.objects if item.key == spot.key), ())
    name = spot.name
    if name.split()[-1] in relations.FLAT - {"plate", "tray"} and spot.box[2] - spot.box[0] > 2 * (
        spot.box[3] - spot.box[1]
    ):
        mask = _in_perspective(spot, layout)
        return Item(spot.key, name, mask, True, spot.depth, seed, spot, attributes)
    box = Box(*spot.box)
    if name == grammar.POLE:
        return Item(spot.key, name, box_mask(spot.box, layout.height, layout.width), True, spot.depth, seed, spot)
    output = pipeline(
        layout.scene(), name, context_prompt=layout.request.text, guidance=box, num_masks=num_masks, generator=seed
    )
    mask, score = output.masks[0], float(output.scores[0])
    return Item(spot.key, name, mask, True, spot.depth, output.seeds[0], spot, attributes, score)


def _in_perspective(spot: Placed, layout: Layout) -> np.ndarray:
    """A rectangle on the ground as the camera sees it: its sides meet at the horizon."""
    x0, y0, x1, y1 = spot.box
    horizon = min(layout.ground.horizon, y0 - 4)
    share = (y0 - horizon) / (y1 - horizon)
    near, vanish = (x0 + x1) / 2, layout.width / 2
    far = vanish + (near - vanish) * share
    half = (x1 - x0) / 2
    corners = [(near - half, y1), (near + half, y1), (far + half * share, y0), (far - half * share, y0)]
    mask = np.zeros((layout.height, layout.width), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return mask.astype(bool)


def checked(layout: Layout) -> Layout:
    """The layout with ``unmet``: the text's relations that its masks do not keep, and a note on each."""
    items = {item.key: item for item in layout.items}
    unmet = [r for r in layout.request.relations if not relation_holds(r, items, layout.request.relations)]
    kept = tuple(note for note in layout.notes if not note.startswith("Not met:"))
    return replace(layout, unmet=tuple(unmet), notes=(*kept, *(f"Not met: {relation}." for relation in unmet)))


def relation_holds(relation: Relation, items: dict[str, Item], given: Sequence[Relation] = ()) -> bool:
    """Whether a relation holds between the masks of two items; False where one of them is missing.

    given: the other relations of the text: a rider is on the grass if his horse is.
    """
    subject, reference = items.get(relation.subject), items.get(relation.reference)
    if subject is None or reference is None:
        return False
    if not (subject.mask.any() and reference.mask.any()):
        return False
    if not reference.thing:  # surfaces fill the picture; standing on one is standing in it
        carrier = next(
            (items.get(r.reference) for r in given if r.subject == relation.subject and r.kind == "on"), None
        )
        stander = carrier if carrier is not None and carrier.thing else subject
        return relation.kind not in ("on", "in") or relations.stands_on(stander.mask, reference.mask)
    if not subject.thing:
        return True
    return relations.masks_hold(relation.kind, subject.mask, reference.mask, subject.depth > reference.depth)
