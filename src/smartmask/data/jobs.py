"""Looking at data sets and packing them: what ``smartmask data`` runs, each a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from smartmask.data.captions import Captions
from smartmask.data.discover import discover, parse_source
from smartmask.data.packing.index import TAR
from smartmask.data.packing.plan import Recipe, mark_of
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
    """A pack. bytes: of all its files. scenes, layers: by source.

    doubles: pictures of an earlier COCO source, which were left out. skipped: a sentence for each bad picture.
    """

    out: str
    bytes: int
    scenes: dict[str, int]
    layers: dict[str, int]
    doubles: int
    skipped: list[str]


class Packing(Reading):
    """What packs and shards share: sources, who works, and in what pieces."""

    root: Path | None = argument(
        "A folder with known sets (coco/, cocoa/, voc/, camvid/, ...), or the folder of one.",
        metavar="ROOT",
        default=None,
    )
    source: tuple[str, ...] = option((), "One more set; better COCO sources first.", metavar="FORMAT=PATH")
    workers: int = option(1, "Processes that read and pack.", ge=1, le=1024)
    ray: str | None = option(
        None, "Work on a Ray cluster: its address, or 'local'. All its machines need the same paths.", metavar="ADDRESS"
    )
    resume: bool = option(True, "Go on with what an earlier run has begun beside --out, or begin anew.")
    part: int = option(1000, "Pictures of a part: what is lost at most, by each process, when it is killed.", ge=1)
    captions: Path | None = option(
        None, "Captions by a model ('data caption'), a file or folder; they come first.", metavar="PATH"
    )

    def packed(self, recipe: Recipe, out: Path, watch: Watch) -> PackedReport:
        """Raises ValueError where there is nothing to pack, and for bad pictures unless they are to be skipped."""
        from smartmask.data.packing.run import pack_sources, workers_of  # needs pyarrow

        sources = discover(self.root) if self.root is not None else []
        sources += [parse_source(text) for text in self.source]
        if not sources:
            raise ValueError("There is nothing to pack; give a folder with data sets, or --source FORMAT=PATH.")
        if self.captions is not None:
            Captions.read([self.captions])  # what is wrong with them is told before anything is packed
            recipe = replace(recipe, captions=str(self.captions), captions_mark=mark_of(self.captions))
        recipe = replace(recipe, skip_bad=self.skip_bad, unit=self.part)
        report, skipped = pack_sources(sources, recipe, out, workers_of(self.workers, self.ray), self.resume, watch)
        return PackedReport(
            out=str(out), bytes=report.size, scenes=report.scenes, layers=report.layers, doubles=report.doubles,
            skipped=skipped,
        )  # fmt: skip


class PackJob(Packing):
    """The layouts of data sets (no photographs) in one small Parquet file, or a folder of such."""

    out: Path = required("The pack to write: NAME.parquet, or a folder of parts, for much data.", metavar="PATH")
    max_side: int = option(512, "Longer side of the packed layouts, in pixels.", ge=16, le=4096)

    def run(self, watch: Watch = unwatched) -> PackedReport:
        """Raises ValueError as ``packed`` does."""
        if self.out.suffix and not self.out.is_dir():  # what looks like a file is one
            output_file(self.out, ".parquet")
        return self.packed(Recipe(max_side=self.max_side), self.out, watch)


class ShardsJob(Packing):
    """WebDataset shards of layouts, or of photographs with layouts and captions."""

    out: Path = required("The folder of shards.", metavar="DIR")
    photos: bool = option(
        False, "Photographs go along, as they are, and layouts keep their size; pictures without one are left out.",
        flags=("--photos",),
    )  # fmt: skip
    max_side: int = option(512, "Longer side of the layouts without photographs, in pixels.", ge=16, le=4096)

    def run(self, watch: Watch = unwatched) -> PackedReport:
        """Raises ValueError as ``packed`` does."""
        recipe = Recipe(TAR, None if self.photos else self.max_side, self.photos)
        return self.packed(recipe, self.out, watch)


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
