"""SmartMask's Fig. 8: mask-free insertion beside editors by instruction, which are told the object and nothing else.

Each photograph is asked to hold one thing more, of a name that goes with its scene and is not in it. SmartMask says
where and how (no guide), and an inserter paints inside that mask; an editor changes the photograph as it likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from smartmask.data.record import Record
from smartmask.data.targets import Target
from smartmask.evaluate.report import interval_text, signed_text, table
from smartmask.evaluate.tasks.insertion.objects import Task
from smartmask.evaluate.tasks.insertion.report import fid_text, kid_text
from smartmask.evaluate.tasks.paper.cells import Found, LazySystem
from smartmask.evaluate.tasks.paper.models import Model
from smartmask.evaluate.tasks.paper.published import NOT_AT_HAND, SMARTMASK
from smartmask.evaluate.tasks.paper.run import FID, Run, Table
from smartmask.geometry import mask_box, rle_decode, rle_encode
from smartmask.image.files import load_photo
from smartmask.image.sheets import contact_sheet
from smartmask.insertion.editors import InstructionEditor, instruction_for
from smartmask.io.bars import watched
from smartmask.metrics.galleries import gallery_distances
from smartmask.metrics.insertion import changed_object, changed_share, normalised_l2
from smartmask.metrics.intervals import mean_interval

BEFORE = "the photograph itself"
NOTES = (
    "The name asked for: of the things of the other photographs, the one that most often shares a scene with what is "
    "here, and is not here itself.",
    "changed: share of pixels that changed by more than 8 of 255; outside: ||after - before|| / ||before|| outside the "
    "object, which is our mask, and for an editor, which says no mask, the largest region that it changed.",
    "CLIP gain: score of the whole picture with 'a photo of a NAME' after, less before.",
)


@dataclass(frozen=True, eq=False)
class Wish:
    """One photograph, and the name of what it is to hold too. seed: of mask and painting."""

    record: Record
    target: Target
    photo: np.ndarray
    name: str
    seed: int

    @property
    def image(self) -> str:
        return f"{self.target.source}/{self.target.key}"


@dataclass(frozen=True, eq=False)
class Edit:
    """A finished picture, and where its object is: (H, W) bool."""

    after: np.ndarray
    object: np.ndarray


Method = Callable[[Wish], Edit]


def wishes_of(found: Found, seed: int) -> list[Wish]:
    """One wish a photograph of the objects found, in their order; photographs with nothing to wish for are left out."""
    firsts: dict[str, tuple[Record, Target]] = {}
    for record, target in found:
        firsts.setdefault(f"{target.source}/{target.key}", (record, target))
    scenes = {image: _things(record) for image, (record, _) in firsts.items()}
    wishes = []
    for image, (record, target) in firsts.items():
        name = _missing(scenes[image], scenes.values())
        if name is not None and record.image is not None:
            number = replace(target, name=name).number(seed)
            wishes.append(Wish(record, target, load_photo(record.image), name, number))
    return wishes


def _things(record: Record) -> frozenset[str]:
    return frozenset(layer.name for layer in record.scene.layers if layer.thing)


def _missing(here: frozenset[str], scenes: Any) -> str | None:
    """The thing that most often shares a scene with the names here, and is not here; by name where equal."""
    counts: Counter[str] = Counter()
    for names in scenes:
        for name in names - here:
            counts[name] += len(names & here)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None


def editor_table(run: Run) -> Table:
    """Mask-free insertion by SmartMask and an inserter, beside editors by instruction."""
    wishes = wishes_of(run.found, run.protocol.seed)
    if not wishes:
        return Table(["No photograph lacks a thing that another has: there is nothing to wish for."], {"rows": []})
    methods: dict[str, Callable[[], Method]] = {BEFORE: lambda: _unchanged}
    for editor in run.roster.of("editors"):
        methods[run.named(editor)] = partial(_editor, run, editor)
    masks = run.roster.of("masks")[0]
    for inserter in run.roster.of("inserters"):
        name = f"{run.named(inserter)}, mask-free {run.named(masks)}"
        methods[name] = partial(_mask_free, run, masks, inserter)
    columns: list[list[np.ndarray]] = [[] for _ in wishes[: run.shown]]
    rows = {}
    for name, method in methods.items():
        make, edits = method(), []  # its model goes with it, so that the next finds room
        for number, wish in enumerate(watched(f"photographs, {name}", wishes)):
            edits.append(make(wish))
            if number < len(columns):
                columns[number].append(edits[-1].after)
        rows[name] = _figures(run, wishes, edits)
    tiles = [tile for column in columns for tile in column]
    captions = [f"{name}\n{wish.name}" for wish in wishes[: run.shown] for name in methods]
    pages = {"editors": contact_sheet(tiles, captions, columns=len(methods))}
    missing = [] if run.roster.of("editors") else ["No editor is among the models, so no editor has a row."]
    return Table(_lines(rows), {"rows": rows}, [NOT_AT_HAND.format(paper=SMARTMASK), *missing, *NOTES, FID], pages)


def _unchanged(wish: Wish) -> Edit:
    return Edit(wish.photo, np.zeros(wish.photo.shape[:2], dtype=bool))


def _editor(run: Run, model: Model) -> Method:
    loaded: list[InstructionEditor] = []
    options = {"device": run.device, "dtype": run.dtype, **model.options}
    steps, scale = options.pop("steps", run.steps), options.pop("guidance_scale", run.guidance_scale)

    def make(wish: Wish) -> Edit:
        def edited() -> np.ndarray:
            if not loaded:
                loaded.append(InstructionEditor.from_pretrained(model.path, **options))
            asked = instruction_for(wish.name)
            return loaded[0](wish.photo, asked, seed=wish.seed % 2**32, steps=steps, guidance_scale=scale)

        parts = ["edit", model.identity, wish.target.code, wish.name, wish.seed, steps, scale]
        after = run.cache.picture(parts, edited)
        return Edit(after, changed_object(wish.photo, after))

    return make


def _mask_free(run: Run, masks: Model, inserter: Model) -> Method:
    system, painter = LazySystem(masks), run.painter(inserter)
    run.release(inserter)

    def make(wish: Wish) -> Edit:
        scene = replace(wish.record.scene, photo=None)
        parts = ["mask-free", masks.identity, wish.target.code, wish.name, wish.seed, run.protocol.num_masks]

        def suggested() -> dict[str, Any]:
            answer = system(scene, wish.name, None, run.protocol.num_masks, wish.seed)
            return {"mask": rle_encode(np.asarray(answer.masks[0], dtype=bool))}

        mask = rle_decode(run.cache.record(parts, suggested)["mask"])
        box = mask_box(mask) or (0.0, 0.0, 1.0, 1.0)
        target = replace(wish.target, name=wish.name)
        task = Task(target, wish.photo, scene, box, mask, ~mask, wish.seed)
        return Edit(painter(task, mask, 0.0), mask)

    return make


def _figures(run: Run, wishes: Sequence[Wish], edits: Sequence[Edit]) -> dict[str, Any]:
    images = np.array([wish.image for wish in wishes])
    pairs = list(zip(wishes, edits, strict=True))
    outside = [normalised_l2(w.photo, e.after, ~e.object) if not e.object.all() else 0.0 for w, e in pairs]
    found: dict[str, Any] = {
        "photographs": len(wishes),
        "changed": mean_interval([changed_share(w.photo, e.after) for w, e in pairs], images),
        "outside": mean_interval(outside, images),
        "clip_gain": None,
    }
    names = [wish.name for wish in wishes]
    before, after = [wish.photo for wish in wishes], [edit.after for edit in edits]
    if run.judges.clip is not None:
        gains = run.judges.clip(after, names) - run.judges.clip(before, names)
        found["clip_gain"] = mean_interval(gains.tolist(), images)
    if run.judges.features is not None and len(wishes) > 1:
        found["fid"] = gallery_distances(run.judges.features(before), run.judges.features(after), images)
    return found


def _lines(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    heads = ["method", "photographs", "changed", "outside", "CLIP gain", "FID", "KID x 1000"]
    cells = []
    for name, found in rows.items():
        figures = [interval_text(found["changed"]), interval_text(found["outside"]), signed_text(found["clip_gain"])]
        whole = found.get("fid")
        cells.append([name, str(found["photographs"]), *figures, fid_text(whole), kid_text(whole)])
    return table(heads, cells)
