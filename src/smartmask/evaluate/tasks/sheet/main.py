"""``sheet`` and ``sheet-score``: first suggestions to look at, and to name in the blind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol, admitted, is_whole
from smartmask.evaluate.blind import read_answers, unanswered
from smartmask.evaluate.memories import curated_masks, memory_of, outlines_of
from smartmask.evaluate.protocol import LICENCES, OUTLINES, Benchmark, PackSettings, ReportSettings, listed
from smartmask.evaluate.report import finish, heading
from smartmask.evaluate.systems import load_pipeline
from smartmask.evaluate.tasks.sheet.blind import (
    REAL,
    SUGGESTED,
    Item,
    folder_items,
    key_of,
    pages,
    real_items,
    score,
    score_lines,
    shuffled,
)
from smartmask.evaluate.tasks.sheet.spots import SOURCES, Shown, find_spots, names_of_seed, sheet_picture, suggest
from smartmask.image.files import save_png
from smartmask.io.bars import watched
from smartmask.io.publish import save_json, staging
from smartmask.io.settings import argument, option, required
from smartmask.io.terminal import say

KEY, ANSWERS = "blind_key.json", "blind_answers.json"


class SheetSettings(PackSettings):
    """Names, boxes of unseen scenes, and what else is named in the blind."""

    out: Path = required("Folder for sheet.png, sheet.json and masks/.", metavar="DIR")
    names: str | None = option(None, "Names, separated by commas; else some of 24, by the seed.")
    count: int = option(12, "How many names, where they are not given.", ge=1)
    shown: int = option(4, "Suggestions a name, best first.", ge=1)
    num_masks: int = option(8, "Suggestions asked for, of which the best are shown.", ge=1)
    blind: bool = option(False, "Also pages to name in the blind, with a key.", flags=("--blind",))
    real: int = option(24, "Real whole outlines among the blind ones.", ge=0)
    extra: tuple[str, ...] = option((), "Others among the blind ones: NAME_RANK.png masks.", metavar="LABEL=DIR")
    outlines: Path | None = OUTLINES
    licences: str | None = LICENCES


class SheetScoreSettings(ReportSettings):
    """Silhouettes that somebody named."""

    key: Path = argument(f"{KEY} of 'smartmask eval sheet --blind'.", metavar="KEY")
    answers: Path = argument(f"{ANSWERS}, filled in.", metavar="ANSWERS")


def run(settings: SheetSettings) -> None:
    """First suggestions of some names in sensible boxes of unseen scenes, to look at or to name in the blind."""
    seed, outlines, shown = settings.seed, settings.outlines, settings.shown
    wanted = names_of_seed(seed, settings.count) if settings.names is None else list(listed(settings.names))
    others = [item for label in settings.extra for item in _extra_items(label)]
    pack = Pack(settings.data)
    pipe = load_pipeline(settings.weights, settings.licences)
    protocol = Protocol(split=settings.split, sources=SOURCES, limit=None)
    usual = memory_of(pipe) or outlines_of(pack, protocol, "train", outlines)
    spots = find_spots(pack, wanted, seed, usual, settings.split)
    with staging(settings.out) as folder:
        suggested = suggest(pipe, watched("names", spots), max(settings.num_masks, shown))
        save_png(sheet_picture(suggested, shown), folder / "sheet.png")
        for item in suggested:
            for rank, mask in enumerate(item.masks[:shown]):
                save_png(mask, folder / "masks" / f"{item.spot.name.replace('/', ' ')}_{rank}.png")
        about = [
            {"name": s.name, "scene": s.where, "box": s.guide.extent(1, 1), "real_box": s.real, "seed": s.seed}
            for s in spots
        ]
        report = {**heading("sheet"), "weights": str(settings.weights or "bundled"), "names": about}
        save_json(report, folder / "sheet.json")
        if settings.blind:
            kept = real_items(_real_masks(pack, protocol, outlines), wanted, settings.real, seed)
            _save_blind(folder, shuffled([*_items(suggested, shown), *kept, *others], seed), seed)
    say(f"{len(spots)} names, {shown} suggestions each, in {settings.out}")


def _extra_items(label: str) -> list[Item]:
    group, _, folder = label.partition("=")
    if not group.strip() or not folder or group in (REAL, SUGGESTED):
        raise ValueError(f"The extra '{label}' is not of the form LABEL=DIR; write old=FOLDER.")
    return folder_items(Path(folder), group.strip())


def _items(suggested: Sequence[Shown], shown: int) -> Iterator[Item]:
    for item in suggested:
        for rank, mask in enumerate(item.masks[:shown]):
            if mask.any():
                yield Item(mask, item.spot.name, SUGGESTED, rank, item.spot.where)


def _real_masks(pack: Pack, protocol: Protocol, outlines: Path | None) -> Iterator[tuple[str, np.ndarray, str]]:
    """Whole real outlines of the split: (name, mask, where from); traced in photographs, none of the memory's."""
    if outlines is not None:
        for outline in curated_masks(outlines, protocol.split):
            if outline.kind == "photo" and max(outline.mask.shape) >= 48:
                yield outline.name, outline.mask, f"{outline.set} {outline.key}"
        return
    for target in admitted(pack, protocol, protocol.split):
        if is_whole(pack, target):
            yield target.name, pack.scene(target.record).layers[target.layer].mask, f"{target.source} {target.key}"


def _save_blind(folder: Path, items: Sequence[Item], seed: int) -> None:
    for number, page in enumerate(pages(items), 1):
        save_png(page, folder / f"blind_{number}.png")
    save_json({**heading("sheet"), "seed": seed, "items": key_of(items)}, folder / KEY)
    save_json(unanswered(len(items)), folder / ANSWERS)


def run_score(settings: SheetScoreSettings) -> None:
    """What somebody named in the blind: the share of clear suggestions beside that of real outlines."""
    command = "smartmask eval sheet --blind"
    items, said = read_answers(settings.key, settings.answers, "items", command, (KEY, ANSWERS), "names")
    found = score(items, said, _vocabulary())
    report = {**heading("sheet-score"), **found}
    finish("sheet_score", report, ["# Named in the blind", "", *score_lines(found)], settings)


def _vocabulary() -> Any:
    """The vocabulary's one name for synonyms; an unknown word stays itself."""
    from smartmask.io.package import BUNDLED_TEXT
    from smartmask.text.encoder import TextEncoder

    text = TextEncoder.from_pretrained(BUNDLED_TEXT)

    def canonical(word: str) -> str:
        meaning = text.understand(word) if word else None
        return word if meaning is None or meaning.warning else meaning.name

    return canonical


BENCHMARK = Benchmark("sheet", SheetSettings, run)
SCORE = Benchmark("sheet-score", SheetScoreSettings, run_score)
