"""From the rows of ``eval insertion`` to its report: figures with intervals, tables, a page of pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.evaluate.report import interval_text, signed_text, split_by, table
from smartmask.evaluate.tasks.insertion.makers import OURS
from smartmask.evaluate.tasks.insertion.objects import InsertionProtocol, Task
from smartmask.evaluate.tasks.insertion.rows import Gallery, InsertionRow, local_crop
from smartmask.export.overlays import overlay
from smartmask.geometry import rle_decode
from smartmask.guides import Box
from smartmask.image.sheets import contact_sheet
from smartmask.metrics.galleries import gallery_distances
from smartmask.metrics.intervals import mean_interval

REFERENCES = ("box", "same-area", "class-mean")  # what our figures are set against, object by object
MODELS = ("weights", "weights_digest", "inpainter", "features", "clip", "segmenter")
LOST = np.array([235, 30, 30])  # background that is repainted
KEPT = np.array([40, 200, 60])  # the real object, where the mask covers it
MEANINGS = {
    "background": "share of the background in the box that the mask covers: what is repainted (lower is better)",
    "object": "share of the real object that the mask covers; an empty mask spares all background, so read both",
    "separation": "object less background: 0 for a box or any mask that ignores the object, 1 for the object itself",
    "iou": "IoU of the mask with the real object",
    "area": "share of the box that the mask covers",
    "spill": "pixels of the mask outside the box, as a share of the box; they are not in the other figures",
    "l2_background": "Norm. L2-BG: ||after - before|| / ||before|| over the background in the box, our normaliser",
    "seam": "contrast along the mask's edge in the result less that of the photo, in [0, 1]",
    "clip": "cosine of CLIP embeddings of the crop round the box and 'a photo of a NAME'",
    "fid": "on all features, as many pictures on both sides; given for more pictures than features alone",
    "kid": "unbiased at any number; mean and 95 % range over random halves, near 0 for pictures like the real ones",
}
Value = Callable[[InsertionRow], float]
_MASK_FIGURES: dict[str, Value] = {
    "background": lambda row: row.background,
    "object": lambda row: row.object,
    "separation": lambda row: row.object - row.background,
    "iou": lambda row: row.iou,
    "area": lambda row: row.area,
    "spill": lambda row: row.spill,
}
_PICTURE_FIGURES = ("l2_background", "seam", "clip")


def build_report(
    rows: Sequence[InsertionRow], protocol: InsertionProtocol, gallery: Gallery, heading: Mapping[str, Any]
) -> dict[str, Any]:
    """All figures as a JSON-ready dict; every interval is [mean, low, high].

    results: {maker: figures}.  sources: {source: {maker: figures}}.  ours_minus: {maker: differences of the
    mask's figures, object by object}.  heading: what begins the report (command, version, models).
    """
    by_maker = split_by(rows, lambda row: row.maker)
    results = {maker: figures(some) for maker, some in by_maker.items()}
    for maker, found in results.items():
        found["pictures"] |= distances(gallery, maker, np.array([_image(row) for row in by_maker[maker]]))
    ours = by_maker.get(OURS)
    differences = {name: paired(ours, by_maker[name]) for name in REFERENCES if ours is not None and name in by_maker}
    sources = {
        source: {maker: figures(part) for maker, part in split_by(some, lambda row: row.maker).items()}
        for source, some in split_by(rows, lambda row: row.target.source).items()
    }
    return {
        **heading,
        "protocol": protocol.as_dict(),
        "meanings": MEANINGS,
        "objects": len({row.target.code for row in rows}),
        "images": len({_image(row) for row in rows}),
        "results": results,
        "ours_minus": differences,
        "sources": sources,
    }


def figures(rows: Sequence[InsertionRow]) -> dict[str, Any]:
    """Means and intervals of one maker's rows (one an object), resampled by image."""
    images = np.array([_image(row) for row in rows])
    found: dict[str, Any] = {"objects": len(rows)}
    found |= {name: mean_interval([value(row) for row in rows], images) for name, value in _MASK_FIGURES.items()}
    # Large objects count for more here: the share of all background pixels of all boxes.
    covered, whole = (sum(row.pixels[i] for row in rows) for i in (0, 1))
    found["background_pooled"] = round(covered / whole, 4)
    found["seconds_per_mask"] = _median([row.seconds for row in rows])
    painted = [row.painted for row in rows if row.painted is not None]
    pictures: dict[str, Any] = {}
    if painted:
        for name in _PICTURE_FIGURES:
            values = [some[name] for some in painted]
            if None not in values:
                pictures[name] = mean_interval(values, images)
        pictures["changed_outside"] = int(sum(some["outside"] for some in painted))
        pictures["seconds"] = _median([some["seconds"] for some in painted])
    return {**found, "pictures": pictures}


def paired(rows: Sequence[InsertionRow], others: Sequence[InsertionRow]) -> dict[str, list[float]]:
    """Intervals of the differences of the mask's figures, object by object."""
    images = np.array([_image(row) for row in rows])
    return {
        name: mean_interval([value(a) - value(b) for a, b in zip(rows, others, strict=True)], images)
        for name, value in _MASK_FIGURES.items()
    }


def distances(gallery: Gallery, maker: str, images: np.ndarray) -> dict[str, Any]:
    """{"fid": ..., "local_fid": ...} of a maker's pictures to the same objects' photographs, whole and cropped, as
    ``gallery_distances`` gives them; empty without features or for one picture. images: (n,) keys of the photographs.
    """
    sides = {"fid": gallery.whole, "local_fid": gallery.local}
    return {
        name: gallery_distances(np.stack(sets["real"]), np.stack(sets[maker]), images)
        for name, sets in sides.items()
        if len(sets.get(maker, ())) > 1
    }


def fid_text(found: Mapping[str, Any] | None) -> str:
    """The FID of ``gallery_distances`` for a table; a dash where it would tell the number of pictures."""
    return "-" if found is None or found["fid"] is None else f"{found['fid']:.2f}"


def kid_text(found: Mapping[str, Any] | None) -> str:
    """Its KID, times 1000, with the range over halves."""
    return "-" if found is None or found["kid"] is None else interval_text([1000 * v for v in found["kid"]], 2)


def _image(row: InsertionRow) -> str:
    return f"{row.target.source}/{row.target.key}"


def _median(values: Sequence[float]) -> float:
    return round(float(np.median(values)), 4)


# --- for people ------------------------------------------------------------------------------------


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page of Markdown: rules, the masks' table, the pictures' table, tables by source."""
    lines = ["# Insertion", "", f"{report['objects']} objects in {report['images']} photographs. "]
    lines += [f"smartmask {report['version']}, `{report['command']}`.", ""]
    lines += [f"- {name.replace('_', ' ')}: {report.get(name) or 'none'}" for name in MODELS]
    lines += [f"- {rule}" for rule in report["protocol"]["rules"]]
    lines += [f"- {name}: {meaning}" for name, meaning in MEANINGS.items()]
    lines += ["", "## Masks", "", *mask_table(report["results"]), ""]
    for name, difference in report["ours_minus"].items():
        cells = ", ".join(f"{figure} {signed_text(value)}" for figure, value in difference.items())
        lines.append(f"- {OURS} minus {name}: {cells}")
    lines += ["", "## Pictures", "", *picture_table(report["results"]), ""]
    lines += precision_table(report["results"])
    for source, results in report["sources"].items():
        objects = next(iter(results.values()))["objects"]
        lines += [f"## Masks of {source} ({objects} objects)", "", *mask_table(results), ""]
    return "\n".join(lines).rstrip() + "\n"


def mask_table(results: Mapping[str, Any]) -> list[str]:
    heads = ["mask", "background repainted", "pooled", "object covered", "separation", "IoU", "share of box"]
    heads += ["outside the box", "s/mask"]
    rows = [
        [
            maker,
            interval_text(f["background"]),
            f"{f['background_pooled']:.3f}",
            *(interval_text(f[name]) for name in ("object", "separation", "iou", "area")),
            f"{f['spill'][0]:.3f}",
            f"{f['seconds_per_mask']:.3f}",
        ]
        for maker, f in results.items()
    ]
    return table(heads, rows)


def picture_table(results: Mapping[str, Any]) -> list[str]:
    """The painted pictures' figures; a sentence where nothing was painted."""
    if not any(f["pictures"] for f in results.values()):
        return ["No inpainter was given, so nothing was painted: only the figures that need none are reported."]
    heads = ["mask", "Norm. L2-BG", "FID", "KID x 1000", "Local-FID", "Local-KID x 1000", "CLIP score", "seam"]
    heads += ["pixels changed outside", "s/picture"]
    rows = []
    for maker, f in results.items():
        p = f["pictures"]
        cells = [maker, interval_text(p["l2_background"])]
        for name in ("fid", "local_fid"):
            cells += [fid_text(p.get(name)), kid_text(p.get(name))]
        cells += [interval_text(p["clip"]) if "clip" in p else "-", signed_text(p["seam"])]
        rows.append([*cells, str(p["changed_outside"]), f"{p['seconds']:.3f}"])
    return table(heads, rows)


def precision_table(results: Mapping[str, Any]) -> list[str]:
    """The inpainter alone at the exact and at the box mask: the columns of SmartBrush (arXiv 2212.05034)."""
    sides = [results[maker]["pictures"] for maker in ("exact", "box") if maker in results]
    if len(sides) < 2 or not any(name in side for side in sides for name in ("fid", "local_fid", "clip")):
        return []
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "Local-FID": lambda side: fid_text(side.get("local_fid")),
        "Local-KID x 1000": lambda side: kid_text(side.get("local_fid")),
        "CLIP score": lambda side: interval_text(side.get("clip")),
        "FID": lambda side: fid_text(side.get("fid")),
        "KID x 1000": lambda side: kid_text(side.get("fid")),
    }
    heads = [f"{name}, {mask} mask" for name in columns for mask in ("exact", "box")]
    cells = [text(side) for text in columns.values() for side in sides]
    return ["## The inpainter by mask", "", *table(heads, [cells]), ""]


def to_csv(rows: Sequence[InsertionRow]) -> str:
    """One line an object and maker."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    heads = ["mask", "source", "key", "name", "box", *_MASK_FIGURES, "seconds", *_PICTURE_FIGURES, "outside"]
    writer.writerow(heads)
    for row in rows:
        t, painted = row.target, row.painted or {}
        box = " ".join(f"{edge:g}" for edge in t.box)
        scores = [f"{value(row):.4f}" for value in _MASK_FIGURES.values()]
        drawn = ["" if painted.get(name) is None else f"{painted[name]:.4f}" for name in _PICTURE_FIGURES]
        outside = painted.get("outside", "")
        writer.writerow([row.maker, t.source, t.key, t.name, box, *scores, f"{row.seconds:.4f}", *drawn, outside])
    return stream.getvalue()


# --- pictures --------------------------------------------------------------------------------------


def tiles_of(
    task: Task, rows: Mapping[str, InsertionRow], shown: Sequence[str], pictures: Mapping[str, np.ndarray]
) -> tuple[list[np.ndarray], list[str]]:
    """Tiles and captions of one task: the photo with the box, the real object, then each shown maker's mask.

    In a mask's tile red is background that is repainted, green the real object where the mask covers it. A painted
    picture follows its mask.
    """
    photo = local_crop(task.photo, task)
    whole = overlay(task.photo, guides=[Box(*task.box)], side=256)
    tiles, captions = [whole, _tinted(photo, task, task.real)], [task.name, f"real\n{task.target.source}"]
    for maker in shown:
        row = rows[maker]
        tiles.append(_tinted(photo, task, rle_decode(row.mask)))
        captions.append(f"{maker}\nrepaints {row.background:.0%}, covers {row.object:.0%}")
        if maker in pictures:
            tiles.append(local_crop(pictures[maker], task))
            captions.append(f"{maker}, painted")
    return tiles, captions


def _tinted(crop: np.ndarray, task: Task, mask: np.ndarray) -> np.ndarray:
    tinted = crop.astype(np.float32)
    for part, colour in ((mask & ~task.real, LOST), (mask & task.real, KEPT)):
        where = local_crop(part, task)
        tinted[where] = 0.45 * tinted[where] + 0.55 * colour
    return tinted.astype(np.uint8)


def sheet(columns: Sequence[tuple[list[np.ndarray], list[str]]], tile: int = 160) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB page, a row a task, of what ``tiles_of`` gave for each."""
    tiles = [picture for pictures, _ in columns for picture in pictures]
    captions = [text for _, texts in columns for text in texts]
    return contact_sheet(tiles, captions, columns=len(columns[0][0]), tile=tile)
