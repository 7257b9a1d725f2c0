"""``smartmask eval reader``: what the bundled reader of photographs is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.evaluate.console import JsonOption, OutOption, SourcesOption, finish, heading, listed, progress
from smartmask.geometry import BoxXYXY
from smartmask.options import WeightsOption
from smartmask.scene import Scene


def reader(
    data: Annotated[Path, typer.Option(metavar="DIR", help="A folder of sets (coco/, ...).")],
    sources: SourcesOption = "coco_panoptic",
    splits: Annotated[str, typer.Option(help="Of dev, test and train.")] = "dev,test",
    rounds: Annotated[int, typer.Option(min=1, help="Sets of eight places an object.")] = 8,
    seed: Annotated[int, typer.Option(help="Of hidden regions and places.")] = 0,
    network: Annotated[
        Path | None, typer.Option("--reader", metavar="DIR", help="A trained reader; else the bundled.")
    ] = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """The bundled reader's layouts: how right they are, and places without a guide in them, in none, in the true."""
    from smartmask.data.discover import discover
    from smartmask.evaluate import reader as judged
    from smartmask.evaluate.report import machine
    from smartmask.models.presets import load_component
    from smartmask.models.reader import ReaderConfig, ReaderNetwork
    from smartmask.photo_reader import FOLDER

    folder = network or FOLDER
    protocol = judged.ReaderProtocol(splits=listed(splits), sources=listed(sources), rounds=rounds, seed=seed)
    found = [source for source in discover(data) if source[0] in protocol.sources]
    records = judged.photos(found, protocol)
    asked = list(judged.cases(records, protocol))
    if not asked:
        raise ValueError(f"{data} has no photographs with things of {sources} in {splits}; name other --sources.")
    with progress("objects", len(asked)) as advance:
        places = _advancing(_places(weights), advance, len(judged.SYSTEMS))
        rows = judged.judge(iter(asked), places, protocol, folder)
    named = judged.accuracy(records, load_component(folder, ReaderNetwork, ReaderConfig).eval())
    report: dict[str, Any] = {
        **heading("reader"), "machine": machine(), "reader": "bundled" if network is None else str(network),
        "splits": protocol.splits, "sources": protocol.sources, "num_masks": protocol.num_masks,
        "rounds": protocol.rounds, "seed": seed, "pixels": named, **judged.summary(rows), "rows": rows,
    }  # fmt: skip
    finish("reader", report, _lines(report), out, as_json)


def _places(weights: Path | None) -> Any:
    """The place component alone: a box a seed."""
    from smartmask.masks.exemplar.files import load_text, read_index
    from smartmask.masks.exemplar.place import load_places
    from smartmask.masks.pipeline import BUNDLED

    folder = weights or BUNDLED
    read_index(folder)
    text = load_text(folder)
    model = load_places(folder / "place", text)

    def places(scene: Scene, name: str, seeds: Sequence[int]) -> list[BoxXYXY]:
        found = model.propose(scene, text.understand(name).name, (), seeds)
        return [spot.box for spot in found]

    return places


def _advancing(places: Any, advance: Any, every: int) -> Any:
    """``places`` that moves the bar once in ``every`` calls."""
    calls = 0

    def counted(scene: Scene, name: str, seeds: Sequence[int]) -> list[BoxXYXY]:
        nonlocal calls
        calls += 1
        if calls % every == 0:
            advance()
        return places(scene, name, seeds)

    return counted


def _lines(report: dict[str, Any]) -> list[str]:
    pixels = report["pixels"]
    lines = [
        f"# The bundled reader ({', '.join(report['splits'])} of {', '.join(report['sources'])})", "",
        f"{report['images']} photos, {report['objects']} objects of 1 % of the image or more, no guide, the object's "
        f"surroundings hidden; {report['rounds']} rounds of {report['num_masks']} places. 95 % intervals by image.", "",
        "| scene | hit of 8 | best box IoU of 8 | one | log height off |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for system, figures in report.items():
        if isinstance(figures, dict) and "best_iou" in figures:
            cells = ("{:+.3f} [{:+.3f}, {:+.3f}]" if " - " in system else "{:.3f} [{:.3f}, {:.3f}]",) * 4
            shown = (cell.format(*figures[name]) for cell, name in zip(cells, figures, strict=True))
            lines.append(f"| {system} | {' | '.join(shown)} |")
    lines += [
        "", f"Pixels: {pixels['accuracy']:.3f} named right; sure of {pixels['sure']:.3f}, and right in "
        f"{pixels['right_where_sure']:.3f} of these; mean IoU {pixels['mean_iou']:.3f}. IoU (share of pixels): "
        + ", ".join(f"{name} {v['iou']:.2f} ({v['share']:.2f})" for name, v in pixels["classes"].items()) + ".",
    ]  # fmt: skip
    return lines
