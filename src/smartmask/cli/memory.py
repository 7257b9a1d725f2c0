"""``smartmask memory``: the remembered outlines, bundled and the user's own: add, list, show, remove."""

from __future__ import annotations

from pathlib import Path

import typer

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, printed
from smartmask.io.bars import stage
from smartmask.io.settings import option
from smartmask.io.terminal import say
from smartmask.masks.exemplar.card import card
from smartmask.masks.exemplar.own_jobs import MemoryAdd, MemoryList, MemoryRemove, MemoryShow

SHOWN_NAMES = 4  # names of a set that a line lists


class AddCommand(MemoryAdd, Printed):
    """``memory add`` as typed."""


class ListCommand(MemoryList, Printed):
    """``memory list`` as typed."""

    card: bool = option(
        False, "The bundled sets as a model card's tables, with how many names are known.", flags=("--card",)
    )


class ShowCommand(MemoryShow, Printed):
    """``memory show`` as typed."""


class RemoveCommand(MemoryRemove, Printed):
    """``memory remove`` as typed."""


def add(job: AddCommand) -> None:
    """Remember outlines of your own: they are suggested like the bundled ones.

    dog/001.png and dog_001.png are dogs; "dog sitting" is found when a sitting dog is asked for.
    """
    added = job.run(stage)
    if not printed(added, job.as_json):
        told = _shortened([f"{name} {count}" for name, count in added.names.items()], 3 * SHOWN_NAMES)
        folder = Path(added.file).parent
        say(f"{_counted(added.outlines, 'outline')} remembered as '{added.set}' in {folder}: {told}")


def list_sets(job: ListCommand) -> None:
    """The sets of remembered outlines, bundled and your own, with counts and licences."""
    if job.card:
        say(card(job.bundled()))
        return
    found = job.run()
    if printed(found, job.as_json):
        return
    width = max((len(item.set) for item in found.sets), default=0)
    for item in found.sets:
        told = _shortened(list(item.names), SHOWN_NAMES)
        say(f"{item.set:<{width}}  {item.tier:<8} {item.outlines:>6,}  {item.licence}: {told}")
    say(f"{_counted(sum(item.outlines for item in found.sets), 'outline')} in {_counted(len(found.sets), 'set')}")


def show(job: ShowCommand) -> None:
    """Draw the outlines of a name on one sheet, your own first, then the clearest of the bundled ones."""
    shown = job.run()
    if not printed(shown, job.as_json):
        told = ", ".join(f"{name} {count}" for name, count in shown.sets.items())
        say(f"{shown.shown} of {_counted(shown.outlines, 'outline')} of '{shown.name}' drawn in {shown.out} ({told})")


def remove(job: RemoveCommand) -> None:
    """Forget a set of your own. Bundled sets stay; '--licences open' leaves out those without an open licence."""
    removed = job.run()
    if not printed(removed, job.as_json):
        say(f"'{removed.removed}' is forgotten ({removed.file})")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _shortened(items: list[str], most: int) -> str:
    """ "dog, cat and 3 more"."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


app = typer.Typer(name="memory", help="Look after the remembered outlines; add your own.", no_args_is_help=True)
for _name, _command in (
    ("add", command_of(AddCommand, add)), ("list", command_of(ListCommand, list_sets)),
    ("show", command_of(ShowCommand, show)), ("remove", command_of(RemoveCommand, remove)),
):  # fmt: skip
    app.command(_name)(_command)
