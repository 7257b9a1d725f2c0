"""A page of unseen scenes with what the pipeline draws in them, chosen by a seed and not by eye."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Protocol, Target, find_targets, make_case
from smartmask.evaluate.protocol import Benchmark, PackSettings, listed
from smartmask.evaluate.report import heading
from smartmask.evaluate.systems import load_pipeline
from smartmask.export.overlays import overlay
from smartmask.export.pictures import scene_colours
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet, rank_colour
from smartmask.io.bars import watched
from smartmask.io.publish import save_json, staging
from smartmask.io.settings import option, required
from smartmask.io.terminal import say

KINDS = ("box", "scribble", "none")
SHOWN = {"box": 2, "scribble": 1, "none": 2}  # masks of each kind on the page, best first
COLUMNS = 1 + sum(SHOWN.values())
TILE = 176


class GallerySettings(PackSettings):
    """A page of unseen scenes."""

    out: Path = required("Folder for gallery.png and gallery.json.", metavar="DIR")
    scenes: int = option(12, "How many scenes.", ge=1)
    sources: str = option("coco_panoptic", "Whose scenes, separated by commas.")


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One scene of the gallery: its object, the question of each kind, and the pipeline's answers."""

    target: Target
    cases: dict[str, Case]
    answers: dict[str, Any]


def choose_exhibits(pack: Pack, protocol: Protocol, scenes: int = 12) -> list[Target]:
    """One object of each of ``scenes`` different scenes, by a hash of the protocol's seed and the object.

    Raises ValueError if the protocol admits objects of fewer scenes.
    """
    chosen: dict[int, Target] = {}
    for target in find_targets(pack, protocol):
        chosen.setdefault(target.record, target)
        if len(chosen) == scenes:
            return list(chosen.values())
    raise ValueError(
        f"{pack.path} has {len(chosen)} scenes of {', '.join(protocol.sources)} in its {protocol.split} split; "
        f"the gallery wants {scenes}."
    )


def make_exhibits(pack: Pack, targets: list[Target], pipe: Any, protocol: Protocol) -> list[Exhibit]:
    """Asks the pipeline for each object with a box, a scribble and without a guide, 8 masks each."""
    exhibits = []
    for target in watched("scenes", targets):
        record = pack[target.record]
        cases = {kind: make_case(record, target, kind, protocol) for kind in KINDS}
        answers = {
            kind: pipe(case.scene, target.name, guidance=case.guide, num_masks=protocol.num_masks, generator=0)
            for kind, case in cases.items()
        }
        exhibits.append(Exhibit(target, cases, answers))
    return exhibits


def gallery_sheet(exhibits: list[Exhibit]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: a row a scene: the real object, then the best masks of each kind in what was shown."""
    tiles, captions = [], []
    for number, exhibit in enumerate(exhibits, 1):
        case = exhibit.cases["none"]
        tiles.append(overlay(scene_colours(case.scene), case.true, side=TILE))
        captions.append(f"{number}. real {exhibit.target.name}\n{exhibit.target.source} {exhibit.target.key}")
        for kind, shown in SHOWN.items():
            tiles += _tiles(exhibit.cases[kind], exhibit.answers[kind], shown)
            said = "anywhere" if kind == "none" else kind
            captions += [f"{said}\n{('best of 8', 'second')[i]}" for i in range(shown)]
    return contact_sheet(tiles, captions, columns=COLUMNS, tile=TILE)


def _tiles(case: Case, answer: Any, shown: int) -> list[np.ndarray]:
    colours = scene_colours(case.scene)
    guides = [] if case.guide is None else [case.guide]
    return [
        overlay(colours, answer.masks[i], answer.visible[i], guides, rank_colour(i), TILE)
        for i in range(min(shown, len(answer.masks)))
    ]


def run(settings: GallerySettings) -> None:
    """Unseen scenes with box, scribble and no guide, chosen by seed; the layout is drawn, not the photograph."""
    sources = listed(settings.sources)
    protocol = Protocol(split=settings.split, sources=sources, limit=None, seed=settings.seed, min_area=0.02)
    pack = Pack(settings.data)
    targets = choose_exhibits(pack, protocol, settings.scenes)
    with staging(settings.out) as folder:
        pipe = load_pipeline(settings.weights)
        exhibits = make_exhibits(pack, targets, pipe, protocol)
        save_png(gallery_sheet(exhibits), folder / "gallery.png")
        shown = [{"source": t.source, "key": t.key, "object": t.name, "box": t.box} for t in targets]
        about = {"split": settings.split, "seed": settings.seed, "scenes": shown}
        save_json({**heading("gallery"), **about}, folder / "gallery.json")
    say(f"{len(targets)} scenes in {settings.out / 'gallery.png'}")


BENCHMARK = Benchmark("gallery", GallerySettings, run)
