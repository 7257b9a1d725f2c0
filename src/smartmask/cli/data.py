"""``smartmask data``: look at data sets, and pack their layouts into one file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from smartmask.cli.options import (
    SeedOption,
)

T = TypeVar("T")

app = typer.Typer(name="data", help="Read, check and pack data sets.", no_args_is_help=True)

SkipOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave bad pictures out and count them, instead of stopping at the first.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
_SHOWN_ERRORS = 5


@app.callback()
def _common() -> None:
    pass


@app.command()
def formats(as_json: JsonOption = False) -> None:
    """The formats that can be read."""
    from smartmask.data.registry import formats as known

    if as_json:
        print(json.dumps(known(), indent=2))
        return
    for name, description in known().items():
        print(f"{name:<16} {description}")


@app.command()
def summary(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The set's folder or file.")],
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="See 'smartmask data formats'.")],
    out: Annotated[Path | None, typer.Option(metavar="PNG", help="Also draw a contact sheet of scenes.")] = None,
    scenes: Annotated[int, typer.Option(min=1, max=400, help="Scenes on the sheet.")] = 24,
    columns: Annotated[int, typer.Option(min=1, max=40, help="Scenes in a row of the sheet.")] = 6,
    tile: Annotated[int, typer.Option(min=32, max=1024, help="Pixels of a scene's longer side on the sheet.")] = 224,
    top: Annotated[int, typer.Option(min=0, help="How many names to list.")] = 20,
    seed: Annotated[int, typer.Option(help="Which scenes the sheet shows.")] = 0,
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Count a data set's scenes, objects, names, sizes, splits and captions, and draw some of its scenes."""
    from smartmask.data.registry import read
    from smartmask.data.summary import sheet, summarise
    from smartmask.image.files import save_png
    from smartmask.io.files import output_file

    if out is not None:
        output_file(out, ".png")
    errors: list[ValueError] = []
    records = read(format, path, on_error=errors.append if skip_bad else None)
    with _counted(records, "scenes") as counted:
        found, kept = summarise(counted, sample=scenes if out is not None else 0, seed=seed)
    found.skipped = [str(error) for error in errors]
    if out is not None:
        if not kept:
            raise ValueError(f"{path} has no readable scene to draw; nothing was written.")
        save_png(sheet(kept, columns, tile), out)
    result = found.to_json(top)
    print(json.dumps(result, indent=2) if as_json else _as_text(result))
    if not as_json:
        _tell_skipped(errors)
        if out is not None:
            print(f"{len(kept)} scenes drawn in {out}")


@app.command()
def pack(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The pack to write, NAME.parquet.")],
    root: Annotated[
        Path | None, typer.Argument(metavar="ROOT", help="A folder with known sets: coco/, cocoa/, voc/, camvid/, ...")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT=PATH", help="One more set; better COCO sources first.")
    ] = None,
    max_side: Annotated[
        int, typer.Option(min=16, max=4096, help="Longer side of the packed layouts, in pixels.")
    ] = 512,
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pack the layouts of data sets (no photographs) into one small Parquet file for training."""
    from smartmask.data.discover import discover, parse_source, read_all
    from smartmask.data.pack import write_pack
    from smartmask.io.files import output_file

    sources = discover(root) if root is not None else []
    sources += [parse_source(text) for text in source or ()]
    if not sources:
        raise ValueError("There is nothing to pack; give a folder with data sets, or --source FORMAT=PATH.")
    output_file(out, ".parquet")
    errors: list[ValueError] = []
    with _counted(read_all(sources, errors.append if skip_bad else None), "scenes") as records:
        report = write_pack(records, out, max_side)
    if as_json:
        skipped = [str(error) for error in errors]
        counts: dict[str, Any] = {"scenes": report.scenes, "layers": report.layers, "doubles": report.doubles}
        print(json.dumps({"out": str(out), "bytes": report.size, **counts, "skipped": skipped}, indent=2))
        return
    for name, count in report.scenes.items():
        print(f"{name:<16} {count:>7,} scenes {report.layers[name]:>8,} layers")
    if report.doubles:
        print(f"{report.doubles} pictures occur in an earlier COCO source and were left out")
    _tell_skipped(errors)
    print(f"{sum(report.scenes.values()):,} scenes in {out}, {report.size / 2**20:.1f} MiB")


@app.command()
def curate(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The folder with objects/, voc/, coco/, ...")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where outlines.parquet and report.md go.")],
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Only these sets.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the whole single objects among the outlines of data sets, and say what is wrong with the others."""
    from collections import Counter

    from smartmask.data.curation_file import OUTLINES, REPORT, curate, write_outlines
    from smartmask.data.outlines import read_pictures
    from smartmask.io.files import output_folder

    folder = output_folder(out)
    with _counted(read_pictures(root, tuple(sets) if sets else None), "pictures") as pictures:
        outlines = curate(pictures)
    write_outlines(outlines, folder)
    verdicts = Counter(outline.verdict for outline in outlines)
    if as_json:
        print(json.dumps({"out": str(folder / OUTLINES), "outlines": len(outlines), "verdicts": verdicts}, indent=2))
        return
    print("\n".join(f"{verdict:<10} {count:>7,}" for verdict, count in verdicts.most_common()))
    print(f"{len(outlines):,} outlines in {folder / OUTLINES}, counts by set and name in {folder / REPORT}")


@contextmanager
def _counted(records: Iterable[T], what: str) -> Iterator[Iterable[T]]:
    """The records, with a running count on stderr where somebody watches."""
    if not sys.stderr.isatty():
        yield records
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = (SpinnerColumn(), TextColumn("{task.completed} " + what), TimeElapsedColumn())
    with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
        yield progress.track(records, total=None)


def _tell_skipped(errors: list[ValueError]) -> None:
    for error in errors[:_SHOWN_ERRORS]:
        print(f"smartmask: left out: {error}", file=sys.stderr)
    if errors:
        print(f"{len(errors)} bad pictures were left out")


def _as_text(result: dict[str, Any]) -> str:
    splits = ", ".join(f"{count:,} {split}" for split, count in result["splits"].items())
    low, high = result["smallest_width_height"], result["largest_width_height"]
    lines = [
        f"{result['scenes']:,} scenes ({splits}); {result['empty_scenes']:,} without a layer",
        f"{result['modal_scenes']:,} modal, {result['amodal_scenes']:,} amodal",
        f"{result['captioned_scenes']:,} with captions, {result['captions']:,} captions",
        f"{result['objects']:,} objects of {result['thing_names']:,} names, "
        f"{result['stuff_regions']:,} stuff regions of {result['stuff_names']:,}",
        f"sizes from {low[0]}x{low[1]} to {high[0]}x{high[1]} (each side by itself)",
    ]
    for title, key in (("layers a scene", "layers_per_scene"), ("object's share", "object_share_of_picture")):
        spread = result[key]
        if spread:
            lines.append(f"{title}: {spread['min']:g} to {spread['max']:g}, median {spread['median']:g}")
    for title, key in (("things", "top_things"), ("stuff", "top_stuff")):
        if result[key]:
            lines.append(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in result[key].items()))
    return "\n".join(lines)


@app.command()
def instruct(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="Packed layouts ('smartmask data pack').")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for llava.json and images/.")],
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "train",
    sources: Annotated[str, typer.Option(help="Whose scenes, separated by commas.")] = "coco_panoptic,coco_instances",
    limit: Annotated[int, typer.Option(min=0, help="Scenes at most; 0: all.")] = 0,
    seed: SeedOption = 0,
) -> None:
    """Instruction data for a vision-language planner: layout picture, text, objects so far -> next object."""
    from smartmask.data.pack import Pack
    from smartmask.io.publish import staging
    from smartmask.train.instruct import write_instructions

    packed, wanted = Pack(pack), {name.strip() for name in sources.split(",")}
    meta = packed.meta
    chosen = [i for i in range(len(packed)) if meta.splits[i] == split and meta.sources[i] in wanted][: limit or None]
    if not chosen:
        raise ValueError(f"{pack} has no scene of {sources} in its split '{split}'; give other --sources or --split.")
    with staging(out) as folder:
        numbers = write_instructions((packed[i] for i in chosen), folder, seed)
    print(f"{numbers['samples']} samples of {numbers['scenes']} scenes in {out / 'llava.json'}")
