"""The curated outlines as files: ``outlines.parquet``, one row an outline, and ``report.md``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from smartmask.data.curation import VERDICTS, Curated, judge
from smartmask.data.curation_doubles import mark_doubles
from smartmask.data.curation_eye import reviewed
from smartmask.data.curation_opinion import decide
from smartmask.data.outlines import SETS
from smartmask.geometry import rle_encode
from smartmask.io.publish import replacing, save_text, staging
from smartmask.scene.categories import COCO_PANOPTIC
from smartmask.scene.outlines import Picture

OUTLINES, REPORT = "outlines.parquet", "report.md"
COCO_NAMES = tuple(name for _, name, thing in COCO_PANOPTIC if thing)


def judged(pictures: Iterable[Picture]) -> list[Curated]:
    """All outlines of the pictures with their verdicts, each by itself."""
    return [outline for picture in pictures for outline in judge(picture)]


def settle(outlines: list[Curated]) -> None:
    """Verdicts that need all outlines: what eyes have reviewed, and near-duplicates."""
    decide(outlines, reviewed())
    mark_doubles(outlines)


def write_outlines(outlines: Sequence[Curated], folder: Path) -> None:
    """Write ``outlines.parquet`` and ``report.md`` into a folder, both or neither."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([_row(outline) for outline in outlines])
    with staging(folder) as staged:
        with replacing(staged / OUTLINES) as handle:
            pq.write_table(table, handle, compression="zstd", compression_level=9)
        save_text(report(outlines), staged / REPORT)


def _row(outline: Curated) -> dict[str, Any]:
    about = SETS[outline.set]
    rle = rle_encode(outline.mask)
    x0, y0, x1, y1 = outline.box
    return {
        "name": outline.name,
        "label": outline.label,
        "set": outline.set,
        "tier": about.tier,
        "licence": about.licence,
        "kind": about.kind,
        "source": outline.source,
        "split": outline.split,
        "number": outline.number,
        "verdict": outline.verdict,
        "reason": outline.reason,
        "cut": outline.cut,
        "azimuth": outline.view[0] if outline.view else None,
        "elevation": outline.view[1] if outline.view else None,
        "height": outline.height,
        "width": outline.width,
        "size_known": outline.size_known,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "counts": rle["counts"],
        "h": rle["size"][0],
        "w": rle["size"][1],
        "contact": outline.contact,
        "rough": outline.rough,
        "quality": outline.quality,
    }


def report(outlines: Sequence[Curated]) -> str:
    """Markdown: verdicts by set and by name, and how many names have whole outlines of their own."""
    lines = ["# Whole outlines", "", *_names_told(outlines), "", "## By set", ""]
    lines += _table("set", outlines, lambda o: o.set)
    lines += ["", "## By name", ""]
    lines += _table("name", [o for o in outlines if o.name is not None], lambda o: str(o.name))
    return "\n".join(lines) + "\n"


def _names_told(outlines: Sequence[Curated]) -> list[str]:
    real: Counter[str] = Counter()
    anyhow: Counter[str] = Counter()
    for outline in outlines:
        if outline.verdict == "whole" and outline.split == "train" and outline.name is not None:
            anyhow[outline.name] += 1
            real[outline.name] += outline.kind == "photo"
    missing = [name for name in COCO_NAMES if not anyhow[name]]
    unreal = [name for name in COCO_NAMES if anyhow[name] and not real[name]]
    few = [f"{name} {real[name]}" for name in COCO_NAMES if 0 < real[name] < 10]
    return [
        f"{sum(o.verdict == 'whole' for o in outlines):,} of {len(outlines):,} outlines are whole; in the training "
        f"split {sum(anyhow.values()):,}, {sum(real.values()):,} of them traced in photographs.",
        f"Names with a whole outline: {len(anyhow)}; with a real one: {sum(n >= 1 for n in real.values())}; "
        f"with ten or more real ones: {sum(n >= 10 for n in real.values())}.",
        f"COCO names without any: {', '.join(missing) or 'none'}; with model or drawn ones only: "
        f"{', '.join(unreal) or 'none'}; with fewer than ten real ones: {', '.join(few) or 'none'}.",
    ]


def _table(what: str, outlines: Sequence[Curated], key: Callable[[Curated], str]) -> list[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outline in outlines:
        counts[key(outline)][outline.verdict] += 1
        counts["all"][outline.verdict] += 1
    head = f"| {what} | all | " + " | ".join(VERDICTS) + " |"
    rows = [head, "|---|" + "---:|" * (len(VERDICTS) + 1)]
    for name in sorted(counts, key=lambda n: (n == "all", -sum(counts[n].values()), n)):
        cells = [str(counts[name][verdict] or "") for verdict in VERDICTS]
        rows.append(f"| {name} | {sum(counts[name].values())} | " + " | ".join(cells) + " |")
    return rows
