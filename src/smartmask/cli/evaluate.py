"""``smartmask eval``: a command for each benchmark, made of its settings."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from smartmask.cli.command import command_of
from smartmask.evaluate.protocol import Benchmark
from smartmask.evaluate.tasks import BENCHMARKS

GROUPS = {"study": "Pictures of several systems judged by people, in the blind."}


def group_of(benchmarks: Iterable[Benchmark]) -> typer.Typer:
    """The group of commands of these benchmarks; those with a space in their names (``study make``) in groups below."""
    app = typer.Typer(help="Measure the pipeline beside its baselines.", no_args_is_help=True)
    below: dict[str, typer.Typer] = {}
    for benchmark in benchmarks:
        group, _, name = benchmark.name.rpartition(" ")
        if group and group not in below:
            below[group] = typer.Typer(no_args_is_help=True)
            app.add_typer(below[group], name=group, help=GROUPS[group])
        (below[group] if group else app).command(name)(command_of(benchmark.settings, benchmark.run))
    app.callback()(_group)
    return app


def _group() -> None:
    """Measure the pipeline beside its baselines."""


app = group_of(BENCHMARKS)
