"""``smartmask eval``: a command for each benchmark, made of its settings."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from smartmask.cli.command import command_of
from smartmask.evaluate.protocol import Benchmark
from smartmask.evaluate.tasks import BENCHMARKS


def group_of(benchmarks: Iterable[Benchmark]) -> typer.Typer:
    """The group of commands of these benchmarks."""
    app = typer.Typer(help="Measure the pipeline beside its baselines.", no_args_is_help=True)
    for benchmark in benchmarks:
        app.command(benchmark.name)(command_of(benchmark.settings, benchmark.run))
    app.callback()(_group)
    return app


def _group() -> None:
    """Measure the pipeline beside its baselines."""


app = group_of(BENCHMARKS)
