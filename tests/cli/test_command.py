"""Commands are made of settings: names, defaults, ranges and texts come from the class."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import typer
from typer.testing import CliRunner

from smartmask.cli.command import command_of
from smartmask.io.settings import Settings, argument, internal, option, required


class Where(Settings):
    """Shared by several requests."""

    out: Path = required("Folder for the result.", metavar="DIR")
    seed: int = option(0, "Seed of all chance.", ge=0)


class Bake(Where):
    """A request of its own."""

    cake: str = argument("What to bake.", metavar="CAKE")
    layers: int = option(3, "How many.", flags=("--layers", "-l"), ge=1, le=9)
    icing: Literal["none", "sugar"] = option("none", "What lies on top.")
    add: tuple[str, ...] = option((), "May be repeated.", metavar="TEXT")
    note: str | None = option(None, "A sentence.")
    dry: bool = option(False, "Only look.", flags=("--dry",))
    oven: object = internal(None, "For Python alone.")


@pytest.fixture
def baked() -> tuple[typer.Typer, list[Bake]]:
    made: list[Bake] = []
    app = typer.Typer()

    def bake(request: Bake) -> None:
        """Bakes a cake."""
        made.append(request)

    app.command()(command_of(Bake, bake))
    app.callback()(lambda: None)
    return app, made


def run(app: typer.Typer, *words: str) -> object:
    return CliRunner().invoke(app, ["bake", *words])


def test_a_command_builds_the_request(baked: tuple[typer.Typer, list[Bake]]) -> None:
    app, made = baked
    result = run(app, "plum", "--out", "here", "-l", "4", "--icing", "sugar", "--add", "nuts", "--add", "figs", "--dry")
    assert result.exception is None, result.output  # type: ignore[attr-defined]
    wanted = Bake(cake="plum", out=Path("here"), layers=4, icing="sugar", add=("nuts", "figs"), dry=True)
    assert made == [wanted]
    assert run(app, "plum", "--out", "x").exit_code == 0  # type: ignore[attr-defined]
    assert made[1] == Bake(cake="plum", out=Path("x"))


def test_help_is_the_classs_own(baked: tuple[typer.Typer, list[Bake]]) -> None:
    shown = run(baked[0], "--help").output  # type: ignore[attr-defined]
    for text in ("Bakes a cake", "CAKE", "What to bake", "--layers", "How many", "Folder for the result", "--dry"):
        assert text in shown
    assert "oven" not in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plum", "--out", "x", "--layers", "10"), "The layers is 10; it must be at most 9."),
        (("plum", "--out", "x", "--icing", "salt"), "The icing is 'salt'; use 'none' or 'sugar'."),
    ],
)
def test_a_wrong_value_is_one_sentence(
    baked: tuple[typer.Typer, list[Bake]], words: tuple[str, ...], says: str
) -> None:
    error = run(baked[0], *words).exception  # type: ignore[attr-defined]
    assert type(error) is ValueError
    assert str(error) == says


def test_a_name_that_is_no_setting() -> None:
    with pytest.raises(ValueError, match="There is no setting 'ovens'; leave it out"):
        Bake.of(cake="plum", out=Path("x"), ovens=2)
    with pytest.raises(ValueError, match="The out is missing"):
        Bake.of(cake="plum")
