"""Layout sense: do suggested objects stand on something?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key
from smartmask.data.targets import Case, choose, find_targets
from smartmask.evaluate.baselines import System
from smartmask.evaluate.protocol import Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import finish, interval_text, measured, page, table
from smartmask.evaluate.systems import assemble, system_names
from smartmask.geometry import mask_box
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import mean_interval
from smartmask.metrics.sets import REAL
from smartmask.scene import Scene
from smartmask.scene.categories import clean_name

_KIND_ROWS = {
    "people": "person,rider,bicyclist,living thing",
    "animals": "cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe",
    "vehicles": "car,bus,truck,motorcycle,bicycle,vehicle",
    "furniture": "chair,couch,bed,dining table,bench,potted plant,refrigerator,oven",
}
_GROUND_ROWS = (
    "road floor grass pavement sidewalk sand snow dirt ground field earth gravel platform rug carpet bridge",
    "stairs railroad playingfield playing mud land soil lawn beach parking drivable track path hill mountain",
    "rock rocks stone street",
)
# What people sit on, animals lie on and furniture stands on.
_CARRIER_ROWS = (
    "bench chair couch bed table horse elephant bicycle motorcycle skateboard surfboard snowboard skis boat",
    "counter shelf cabinet towel blanket pillow suitcase truck",
)
KINDS = {kind: frozenset(row.split(",")) for kind, row in _KIND_ROWS.items()}
GROUND = frozenset(word for row in _GROUND_ROWS for word in row.split())
CARRIERS = frozenset(word for row in _CARRIER_ROWS for word in row.split())
BAND = 0.06  # of the mask's height: the part that counts as its lower edge
GAP = 0.02  # of the mask's height, at least a pixel: how far below the edge the ground may begin
ENOUGH = 0.5  # of the lower edge that has to rest on something


class SenseSettings(ObjectSettings):
    """Objects asked for without a guide."""

    limit: int = option(200, "At most so many objects, the same for the same seed; 0: all.")
    sources: str = option("coco_panoptic", "Whose objects count, separated by commas.")
    systems: str = option("pipeline,retrieval", "Of pipeline and the baselines.")
    num_masks: int = option(8, "Samples an object.", ge=2)


def supports(name: str) -> bool:
    """Whether a region of this name carries things: ground, or something that one sits or stands on."""
    words = clean_name(name).lower().split()
    if not words or "wall" in words:  # a stone wall is stone, but no ground
        return False
    return any(w in GROUND for w in words) or words[-1] in CARRIERS


def kind_of(name: str) -> str | None:
    """The group of KINDS that a name belongs to."""
    key = shape_key(name)
    return next((kind for kind, names in KINDS.items() if key in names), None)


def rests(scene: Scene, mask: np.ndarray) -> bool | None:
    """Whether the lower edge of ``(H, W)`` ``mask`` lies on supporting regions of a scene without it.

    The pixels just below the lowest part of the mask's outline are looked up in the scene. None where
    that cannot be said: an empty mask, one that reaches the lower border, or too little labelled ground below.
    """
    box = mask_box(mask)
    if box is None or box[3] >= mask.shape[0]:
        return None
    height = box[3] - box[1]
    below = np.zeros_like(mask)
    below[1:] = mask[:-1]
    rows, cols = np.nonzero(below & ~mask)  # one pixel under each end of a column
    low = rows >= box[3] - max(BAND * height, 1)
    rows = np.minimum(rows[low] + max(round(GAP * height), 1) - 1, mask.shape[0] - 1)
    carries = np.array([supports(layer.name) for layer in scene.layers] + [False])
    top = scene.top()[rows, cols[low]]
    labelled = top >= 0
    if np.count_nonzero(labelled) < max(0.3 * len(top), 1):
        return None
    return bool(carries[top[labelled]].mean() >= ENOUGH)


def sense_report(
    questions: Iterable[Case], truths: Callable[[Case], Scene], systems: Mapping[str, System], num_masks: int, seed: int
) -> dict[str, Any]:
    """Share of masks that rest on something, by kind of object, beside the real objects' own under REAL.

    truths: the whole scene without the object, nothing hidden: what is really below a mask. A share
    is the mean over masks that can be judged; ``judged`` counts them. Interval over images.
    """
    answers: dict[str, list[tuple[str, str, bool]]] = {name: [] for name in (REAL, *systems)}
    asked = 0
    for case in questions:
        kind = kind_of(case.target.name)
        if kind is not None:
            asked += 1
            scene = truths(case)
            given = {REAL: case.true[None]}
            for name, system in systems.items():
                said = system(case.scene, case.target.name, case.guide, num_masks, case.target.number(seed))
                given[name] = said.masks
            for name, masks in given.items():
                known = [r for r in (rests(scene, mask) for mask in masks) if r is not None]
                answers[name] += [(kind, case.target.key, r) for r in known]
    if not asked:
        raise ValueError(f"No object is one of {', '.join(KINDS)}; use another split or other sources.")
    return {
        "objects": asked,
        "masks_an_object": num_masks,
        "all": {name: _rested(rows) for name, rows in answers.items()},
        "by_kind": {
            kind: {name: _rested([row for row in rows if row[0] == kind]) for name, rows in answers.items()}
            for kind in KINDS
        },
    }


def _rested(rows: list[tuple[str, str, bool]]) -> dict[str, Any]:
    if not rows:
        return {"judged": 0, "share": None}
    images = np.array([image for _, image, _ in rows])
    return {"judged": len(rows), "share": mean_interval([float(r) for _, _, r in rows], images)}


def sense_lines(found: Mapping[str, Any]) -> list[str]:
    """The report as a Markdown table."""
    rows = []
    for kind, values in {"all": found["all"], **found["by_kind"]}.items():
        shares = [(values[name]["share"], values[name]["judged"]) for name in found["all"]]
        rows.append([kind, *("-" if s is None else f"{interval_text(s)} of {judged}" for s, judged in shares)])
    return table(["objects", *found["all"]], rows)


def run(settings: SenseSettings) -> None:
    """Without a guide: share of people, animals, vehicles and furniture that rest on something, beside real ones."""
    protocol = settings.protocol(guidance=("none",))
    names = system_names(listed(settings.systems), protocol.guidance)
    pack = Pack(settings.data)
    fitting = [target for target in find_targets(pack, protocol) if kind_of(target.name)]
    targets = choose(fitting, settings.limit or None, settings.seed)
    asked = assemble(names, pack, protocol, settings)

    def truth(case: Case) -> Scene:
        return pack.scene(case.target.record).remove(case.target.layer)

    questions = watched("objects", cases(pack, targets, protocol), len(targets))
    found = sense_report(questions, truth, asked.systems, settings.num_masks, settings.seed)
    report = measured("sense", settings.split, asked.about) | {"rules": protocol.rules(), **found}
    title = f"Layout sense: {found['objects']} objects, no guide, {settings.num_masks} masks an object"
    about = (
        "Share of masks whose lower edge lies on ground or on a thing that carries others, of those that can be "
        "judged; 95 % bootstrap by image."
    )
    finish("sense", report, page(title, report, about, sense_lines(found)), settings)


BENCHMARK = Benchmark("sense", SenseSettings, run)
