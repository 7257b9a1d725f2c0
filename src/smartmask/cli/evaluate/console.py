"""What the commands of ``smartmask eval`` share: options, progress bars, headings, and writing a report."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

DataOption = Annotated[Path, typer.Option(metavar="PACK", help="The packed layouts ('smartmask data pack').")]
OutOption = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the report; none: print only.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
SourcesOption = Annotated[str, typer.Option(help="Whose objects count, separated by commas.")]
SplitOption = Annotated[str, typer.Option(help="test, dev or train.")]
LimitOption = Annotated[int, typer.Option(help="At most so many objects, the same for the same seed; 0: all.")]

LicencesOption = Annotated[str | None, typer.Option(help="Only remembered outlines of a licence tier: open, or all.")]
MemoryOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Outlines for the baselines: a curated table or a memory; else the model's own, or those of the pack.",
    ),
]


def command_line() -> str:
    """The command line of this process, as one would type it."""
    return shlex.join(["smartmask", *sys.argv[1:]])


def heading(benchmark: str) -> dict[str, Any]:
    """How every report begins: benchmark, version, command."""
    from smartmask.io.package import VERSION

    return {"benchmark": benchmark, "version": VERSION, "command": command_line()}


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text between commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def finish(name: str, report: dict[str, Any], lines: list[str], out: Path | None, as_json: bool) -> None:
    """Prints a report (lines of Markdown, or JSON) and writes both to NAME.md and NAME.json in ``out``.

    The machine that the report names is the last line of the Markdown.
    """
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    if "machine" in report:
        lines = [*lines, "", f"Machine: {report['machine']['processor']}, {report['machine']['cores']} cores."]
    if out is not None:
        with staging(out) as folder:
            (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
            save_json(report, folder / f"{name}.json")
    print(json.dumps(report, indent=2) if as_json else "\n".join(lines))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A function that moves a bar on stderr by one; it does nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
