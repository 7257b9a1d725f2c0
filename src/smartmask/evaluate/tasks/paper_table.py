"""The table of the SmartMask paper, its published rows beside ours from ``eval insertion`` reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smartmask.evaluate.protocol import Benchmark, ReportSettings, listed
from smartmask.evaluate.report import finish, heading, table
from smartmask.evaluate.tasks.insertion.makers import OURS
from smartmask.io.reading import read_json
from smartmask.io.settings import argument, option

COLUMNS = {"local_fid": "Local-FID (lower)", "clip": "CLIP score (higher)", "l2_background": "Norm. L2-BG (lower)"}
PUBLISHED_FEATURES = "inception"  # the network that FID is defined with; its name is looked for in ours


class PaperTableSettings(ReportSettings):
    """Whose reports."""

    reports: tuple[Path, ...] = argument("Reports of 'eval insertion', or their folders.", metavar="REPORT", default=())
    masks: str = option("all", "Rows of whose masks, separated by commas; all: 'all'.", metavar="NAMES")


@dataclass(frozen=True)
class TableRow:
    """One line: method, then the figures of COLUMNS, None where there is none; ours: measured here."""

    method: str
    local_fid: float | None
    clip: float | None
    l2_background: float | None
    ours: bool = False
    objects: int | None = None


# SmartMask (arXiv 2312.05039), Table 1.
PUBLISHED = (
    TableRow("SD Inpaint", 22.31, 0.249, 0.374),
    TableRow("SDXL Inpaint", 21.84, 0.235, 0.623),
    TableRow("Blended Latent Diffusion", 39.77, 0.253, 0.451),
    TableRow("SmartBrush", 17.94, 0.262, 0.304),
    TableRow("Adobe Gen-Fill", None, 0.268, 0.289),
    TableRow("SmartMask", 19.21, 0.261, 0.098),
)


def read_report(path: str | Path) -> dict[str, Any]:
    """An ``insertion.json``, or that of a folder. Raises ValueError for anything else."""
    path = Path(path)
    file = path / "insertion.json" if path.is_dir() else path
    report = read_json(file, "report")
    if not isinstance(report, dict) or report.get("benchmark") != "insertion" or "results" not in report:
        raise ValueError(f"'{file}' is no report of 'eval insertion'; give an insertion.json.")
    return report


def our_rows(report: Mapping[str, Any], makers: Sequence[str] | None = None) -> list[TableRow]:
    """A report's rows: the inpainter with each of ``makers`` (None: all), those that painted."""
    known = list(report["results"])
    unknown = [maker for maker in makers or () if maker not in known]
    if unknown:
        raise ValueError(f"The report has no masks of '{unknown[0]}'; it has {', '.join(known)}.")
    rows = []
    for maker in makers or known:
        pictures = report["results"][maker]["pictures"]
        if not pictures:
            continue
        named = "SmartMask, this project" if maker == OURS else f"mask: {maker}"
        clip, l2 = (pictures.get(name, [None])[0] for name in ("clip", "l2_background"))
        method = f"{Path(str(report['inpainter'])).name}, {named}"
        rows.append(TableRow(method, pictures.get("local_fid"), clip, l2, True, report["results"][maker]["objects"]))
    return rows


def paper_table(reports: Sequence[Mapping[str, Any]], makers: Sequence[str] | None = None) -> list[str]:
    """Lines of Markdown: the published rows, ours, and what differs between the two."""
    measured = [row for report in reports for row in our_rows(report, makers)]
    lines = table(["method", "objects", *COLUMNS.values()], [_cells(row) for row in (*PUBLISHED, *measured)])
    lines += ["", "Published: SmartMask, arXiv 2312.05039, Table 1. Rows below them were measured here."]
    return [*lines, *differences(reports, bool(measured))]


def differences(reports: Sequence[Mapping[str, Any]], measured: bool = True) -> list[str]:
    """One line on each thing by which our rows differ from the published ones."""
    if not measured:
        return ["- No row is ours: no report of 'eval insertion' with an --inpainter was given."]
    lines = [
        "- Norm. L2-BG: the papers do not say what they divide by. Here: ||after - before|| / ||before|| over the "
        "user's box without the real object. Ours compare with each other, not with the published.",
        "- Test objects and boxes are not the papers': " + "; ".join(_data(report) for report in reports) + ".",
    ]
    networks = sorted({str(report.get("features")) for report in reports if report.get("features")})
    if not networks:
        lines.append("- Local-FID: not measured, no feature network was given.")
    elif not all(PUBLISHED_FEATURES in network.lower() for network in networks):
        lines.append(f"- Local-FID: features of {', '.join(networks)}, not of the Inception network that FID means.")
    sizes = sorted({size for report in reports for size in _feature_sets(report)})
    small = [(n, d) for n, d in sizes if n < 10 * d]
    lines += [f"- Local-FID of {n} pictures with {d} features: biased upwards in so small a set." for n, d in small]
    clips = sorted({str(report.get("clip")) for report in reports if report.get("clip")})
    lines.append(
        f"- CLIP score: {', '.join(clips)} on the crop round the box; the papers' model and crop may differ."
        if clips
        else "- CLIP score: not measured, no CLIP model was given."
    )
    lines.append("- The photographs still show the real object where a mask leaves a part of it.")
    return lines


def _feature_sets(report: Mapping[str, Any]) -> set[tuple[int, int]]:
    found = (maker["pictures"].get("feature_set") for maker in report["results"].values())
    return {(some["pictures"], some["features"]) for some in found if some}


def _data(report: Mapping[str, Any]) -> str:
    return f"{report['objects']} objects of {report['images']} photographs, {report['protocol']['split']} split"


def _cells(row: TableRow) -> list[str]:
    figures = zip((row.local_fid, row.clip, row.l2_background), (2, 3, 3), strict=True)
    cells = ("-" if value is None else f"{value:.{digits}f}" for value, digits in figures)
    return [row.method, "-" if row.objects is None else str(row.objects), *cells]


def run(settings: PaperTableSettings) -> None:
    """The SmartMask paper's table: its published rows, ours from reports, and what differs."""
    read = [read_report(path) for path in settings.reports]
    makers = None if settings.masks == "all" else listed(settings.masks)
    rows = [*PUBLISHED, *(row for report in read for row in our_rows(report, makers))]
    told = differences(read, len(rows) > len(PUBLISHED))
    result = {**heading("paper-table"), "rows": [asdict(row) for row in rows], "differences": told}
    finish("paper_table", result, paper_table(read, makers), settings)


BENCHMARK = Benchmark("paper-table", PaperTableSettings, run)
