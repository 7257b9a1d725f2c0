"""``smartmask eval``: the pipeline beside its baselines, in one run on the same objects."""

from __future__ import annotations

import typer

from smartmask.cli.evaluate.attributes import attributes, attributes_score
from smartmask.cli.evaluate.hidden import hidden
from smartmask.cli.evaluate.insertion import insertion
from smartmask.cli.evaluate.masks import masks
from smartmask.cli.evaluate.naming import text
from smartmask.cli.evaluate.papers import ab, ab_score, paper_table
from smartmask.cli.evaluate.pictures import diversity, gallery
from smartmask.cli.evaluate.planner import layout, plan, several
from smartmask.cli.evaluate.realism import judge, realism
from smartmask.cli.evaluate.scene import order, scene, sense
from smartmask.cli.evaluate.sheet import sheet, sheet_score
from smartmask.cli.evaluate.speed import speed

app = typer.Typer(help="Measure the pipeline beside its baselines.", no_args_is_help=True)

COMMANDS = (
    masks, scene, hidden, realism, judge, text, order, sense, sheet, sheet_score, gallery, diversity, plan,
    layout, several, speed, insertion, paper_table, ab, ab_score,
    attributes, attributes_score,
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


@app.callback()
def _group() -> None:
    """Measure the pipeline beside its baselines."""
