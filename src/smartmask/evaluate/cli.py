"""``smartmask eval``: the pipeline beside its baselines, in one run on the same objects."""

from __future__ import annotations

import typer

from smartmask.evaluate.attributes_cli import attributes, attributes_score
from smartmask.evaluate.hidden_cli import hidden
from smartmask.evaluate.insertion_cli import insertion
from smartmask.evaluate.masks_cli import masks
from smartmask.evaluate.naming_cli import text
from smartmask.evaluate.papers_cli import ab, ab_score, paper_table
from smartmask.evaluate.pictures_cli import diversity, gallery
from smartmask.evaluate.planner_cli import layout, plan, several
from smartmask.evaluate.realism_cli import judge, realism
from smartmask.evaluate.scene_cli import order, scene, sense
from smartmask.evaluate.sheet_cli import sheet, sheet_score
from smartmask.evaluate.speed_cli import speed

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
