"""``smartmask eval sheet`` and ``sheet-score``: first suggestions to look at, and to name in the blind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.cli.evaluate.console import (
    DataOption,
    JsonOption,
    LicencesOption,
    OutOption,
    SplitOption,
    finish,
    heading,
    listed,
    progress,
)
from smartmask.cli.evaluate.realism import OutlinesOption
from smartmask.cli.options import WeightsOption

if TYPE_CHECKING:
    import numpy as np

    from smartmask.data.pack import Pack
    from smartmask.evaluate.blind import Item
    from smartmask.evaluate.sheet import Shown


def sheet(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for sheet.png, sheet.json and masks/.")],
    names: Annotated[str | None, typer.Option(help="Names, separated by commas; else some of 24, by the seed.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many names, where they are not given.")] = 12,
    shown: Annotated[int, typer.Option(min=1, help="Suggestions a name, best first.")] = 4,
    num_masks: Annotated[int, typer.Option(min=1, help="Suggestions asked for, of which the best are shown.")] = 8,
    blind: Annotated[bool, typer.Option("--blind", help="Also pages to name in the blind, with a key.")] = False,
    real: Annotated[int, typer.Option(min=0, help="Real whole outlines among the blind ones.")] = 24,
    extra: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=DIR", help="Others among the blind ones: NAME_RANK.png masks.")
    ] = None,
    outlines: OutlinesOption = None,
    split: SplitOption = "test",
    seed: Annotated[int, typer.Option(help="Of names, scenes, suggestions and the shuffle.")] = 0,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
) -> None:
    """First suggestions of some names in sensible boxes of unseen scenes, to look at or to name in the blind."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.memories import curated_outlines, memory_of, whole_outlines
    from smartmask.evaluate.sheet import SOURCES, find_spots, names_of_seed, sheet_picture, suggest
    from smartmask.evaluate.systems import load_pipeline
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    wanted = names_of_seed(seed, count) if names is None else list(listed(names))
    others = [item for label in extra or () for item in _extra_items(label)]
    pack = Pack(data)
    pipe = load_pipeline(weights, licences)
    protocol = Protocol(split=split, sources=SOURCES, limit=None)
    usual = memory_of(pipe) or (
        whole_outlines(pack, protocol, "train") if outlines is None else curated_outlines(outlines, "train")
    )
    spots = find_spots(pack, wanted, seed, usual, split)
    with staging(out) as folder:
        (folder / "masks").mkdir()
        with progress("names", len(spots)) as advance:
            suggested = suggest(pipe, spots, max(num_masks, shown), advance)
        save_png(sheet_picture(suggested, shown), folder / "sheet.png")
        for item in suggested:
            for rank in range(min(shown, len(item.masks))):
                save_png(item.masks[rank], folder / "masks" / f"{item.spot.name.replace('/', ' ')}_{rank}.png")
        about = [
            {"name": s.name, "scene": s.where, "box": s.guide.extent(1, 1), "real_box": s.real, "seed": s.seed}
            for s in spots
        ]
        save_json({**heading("sheet"), "weights": str(weights or "bundled"), "names": about}, folder / "sheet.json")
        if blind:
            kept = list(_real_masks(pack, protocol, outlines))
            _save_blind(folder, suggested, shown, kept, wanted, real, others, seed)
    print(f"{len(spots)} names, {shown} suggestions each, in {out}")


def sheet_score(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="blind_key.json of 'smartmask eval sheet --blind'.")],
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS", help="blind_answers.json, filled in.")],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """What somebody named in the blind: the share of clear suggestions beside that of real outlines."""
    from smartmask.evaluate.blind import score, score_lines
    from smartmask.io.files import read_json

    items, said = read_json(key), read_json(answers)
    if not isinstance(items, dict) or not isinstance(items.get("items"), list):
        raise ValueError(f"{key} is no key of 'smartmask eval sheet --blind'; give its blind_key.json.")
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError(f"{answers} is no JSON object of names by number; fill in blind_answers.json.")
    found = score(items["items"], said, _vocabulary())
    report: dict[str, Any] = {**heading("sheet-score"), **found}
    finish("sheet_score", report, ["# Named in the blind", "", *score_lines(found)], out, as_json)


def _vocabulary() -> Any:
    """The vocabulary's one name for synonyms; an unknown word stays itself."""
    from smartmask.masks.pipeline import BUNDLED
    from smartmask.text.encoder import TextEncoder

    text = TextEncoder.from_pretrained(BUNDLED / "text")

    def canonical(word: str) -> str:
        meaning = text.understand(word) if word else None
        return word if meaning is None or meaning.warning else meaning.name

    return canonical


def _extra_items(label: str) -> list[Item]:
    from smartmask.evaluate.blind import REAL, SUGGESTED, folder_items

    group, _, folder = label.partition("=")
    if not group.strip() or not folder or group in (REAL, SUGGESTED):
        raise ValueError(f"The extra '{label}' is not of the form LABEL=DIR; write old=FOLDER.")
    return folder_items(Path(folder), group.strip())


def _real_masks(pack: Pack, protocol: Any, outlines: Path | None) -> Iterator[tuple[str, np.ndarray, str]]:
    """Whole real outlines of the split: (name, mask, where from); traced in photographs, none of the memory's."""
    from smartmask.data.targets import admitted, is_whole
    from smartmask.evaluate.memories import curated_masks

    if outlines is not None:
        for outline in curated_masks(outlines, protocol.split):
            if outline.kind == "photo" and max(outline.mask.shape) >= 48:
                yield outline.name, outline.mask, f"{outline.set} {outline.key}"
        return
    for target in admitted(pack, protocol, protocol.split):
        if is_whole(pack, target):
            yield target.name, pack.scene(target.record).layers[target.layer].mask, f"{target.source} {target.key}"


def _save_blind(
    folder: Path, suggested: list[Shown], shown: int, kept: list[tuple[str, np.ndarray, str]], names: list[str],
    real: int, others: list[Item], seed: int,
) -> None:  # fmt: skip
    from smartmask.evaluate.blind import SUGGESTED, Item, key_of, pages, real_items, shuffled
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json

    items = [
        Item(item.masks[rank], item.spot.name, SUGGESTED, rank, item.spot.where)
        for item in suggested
        for rank in range(min(shown, len(item.masks)))
        if item.masks[rank].any()
    ]
    mixed = shuffled([*items, *real_items(kept, names, real, seed), *others], seed)
    for number, page in enumerate(pages(mixed), 1):
        save_png(page, folder / f"blind_{number}.png")
    save_json({**heading("sheet"), "seed": seed, "items": key_of(mixed)}, folder / "blind_key.json")
    save_json({str(number): "" for number in range(1, len(mixed) + 1)}, folder / "blind_answers.json")
