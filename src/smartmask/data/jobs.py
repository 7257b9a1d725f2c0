"""Looking at data sets and packing them: what ``smartmask data`` runs, each a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from smartmask.data.captions import Captions
from smartmask.data.discover import discover, parse_source, read_all
from smartmask.data.registry import read
from smartmask.data.summary import Summary, sheet, summarise
from smartmask.image.files import save_png
from smartmask.io.publish import output_file, output_folder
from smartmask.io.records import Record
from smartmask.io.settings import Settings, argument, option, required
from smartmask.io.watch import Progress, Watch, unwatched

Item = TypeVar("Item")


def told(items: Iterable[Item], on_step: Progress | None) -> Iterator[Item]:
    """The items; how many have passed is told, and that nobody knows how many come."""
    for number, item in enumerate(items):
        yield item
        if on_step is not None:
            on_step(number + 1, 0)


class Reading(Settings):
    """A call that reads data sets."""

    skip_bad: bool = option(
        False, "Leave bad pictures out and count them, instead of stopping at the first.", flags=("--skip-bad",)
    )


@dataclass(frozen=True)
class Summarised:
    """What was counted; drawn: scenes on the sheet."""

    summary: Summary
    drawn: int


class SummaryJob(Reading):
    """A data set's counts, and a sheet of some of its scenes."""

    path: Path = argument("The set's folder or file.", metavar="PATH")
    format: str = required("See 'smartmask data formats'.", metavar="FORMAT")
    out: Path | None = option(None, "Also draw a contact sheet of scenes.", metavar="PNG")
    scenes: int = option(24, "Scenes on the sheet.", ge=1, le=400)
    columns: int = option(6, "Scenes in a row of the sheet.", ge=1, le=40)
    tile: int = option(224, "Pixels of a scene's longer side on the sheet.", ge=32, le=1024)
    top: int = option(20, "How many names to list.", ge=0)
    seed: int = option(0, "Which scenes the sheet shows.")

    def run(self, watch: Watch = unwatched) -> Summarised:
        """Raises ValueError for an unknown format, and for bad pictures unless they are to be skipped."""
        if self.out is not None:
            output_file(self.out, ".png")
        errors: list[ValueError] = []
        records = read(self.format, self.path, on_error=errors.append if self.skip_bad else None)
        with watch("scenes") as on_step:
            found, kept = summarise(
                told(records, on_step), sample=self.scenes if self.out is not None else 0, seed=self.seed
            )
        found.skipped = [str(error) for error in errors]
        if self.out is not None:
            if not kept:
                raise ValueError(f"{self.path} has no readable scene to draw; nothing was written.")
            with watch("drawing"):
                save_png(sheet(kept, self.columns, self.tile), self.out)
        return Summarised(found, len(kept))


class PackedReport(Record):
    """A pack. bytes: of the file. scenes, layers: by source. doubles: pictures of an earlier COCO source, left out.

    skipped: a sentence for each bad picture.
    """

    out: str
    bytes: int
    scenes: dict[str, int]
    layers: dict[str, int]
    doubles: int
    skipped: list[str]


class PackJob(Reading):
    """The layouts of data sets (no photographs) in one small Parquet file."""

    out: Path = required("The pack to write, NAME.parquet.", metavar="FILE")
    root: Path | None = argument(
        "A folder with known sets (coco/, cocoa/, voc/, camvid/, ...), or the folder of one.",
        metavar="ROOT",
        default=None,
    )
    source: tuple[str, ...] = option((), "One more set; better COCO sources first.", metavar="FORMAT=PATH")
    max_side: int = option(512, "Longer side of the packed layouts, in pixels.", ge=16, le=4096)
    captions: tuple[Path, ...] = option(
        (), "Captions by a model ('data caption'), a file or folder; they come first. May be repeated.", metavar="PATH"
    )

    def run(self, watch: Watch = unwatched) -> PackedReport:
        """Raises ValueError where there is nothing to pack, and for bad pictures unless they are to be skipped."""
        from smartmask.data.pack import write_pack  # needs pyarrow

        sources = discover(self.root) if self.root is not None else []
        sources += [parse_source(text) for text in self.source]
        if not sources:
            raise ValueError("There is nothing to pack; give a folder with data sets, or --source FORMAT=PATH.")
        output_file(self.out, ".parquet")
        errors: list[ValueError] = []
        with watch("scenes") as on_step:
            records = told(read_all(sources, errors.append if self.skip_bad else None), on_step)
            if self.captions:
                records = map(Captions.read(self.captions).added, records)
            report = write_pack(records, self.out, self.max_side)
        return PackedReport(
            out=str(self.out), bytes=report.size, scenes=report.scenes, layers=report.layers, doubles=report.doubles,
            skipped=[str(error) for error in errors],
        )  # fmt: skip


class CuratedReport(Record):
    """out: the file of outlines. verdicts: outlines by what is wrong with them, most first."""

    out: str
    outlines: int
    verdicts: dict[str, int]


class CurateJob(Settings):
    """The whole single objects among the outlines of data sets."""

    root: Path = argument("The folder with objects/, voc/, coco/, ...", metavar="ROOT")
    out: Path = required("Where outlines.parquet and report.md go.", metavar="DIR")
    sets: tuple[str, ...] = option((), "Only these sets.", flags=("--set",), metavar="NAME")

    def run(self, watch: Watch = unwatched) -> CuratedReport:
        """Raises ValueError for a folder without outlines."""
        from smartmask.data.curation_file import OUTLINES, judged, settle, write_outlines
        from smartmask.data.outlines import read_pictures

        folder = output_folder(self.out)
        with watch("pictures") as on_step:
            outlines = judged(told(read_pictures(self.root, self.sets or None), on_step))
        with watch("doubles"):
            settle(outlines)
        with watch("writing"):
            write_outlines(outlines, folder)
        verdicts = Counter(outline.verdict for outline in outlines)
        return CuratedReport(out=str(folder / OUTLINES), outlines=len(outlines), verdicts=dict(verdicts.most_common()))
