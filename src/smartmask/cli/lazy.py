"""Commands whose modules are imported when they are used: start-up stays light, also for ``--help``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

Loader = Callable[[], Callable[..., None] | typer.Typer]  # imports a command's function, or a group of commands


class LazyCommand(TyperGroup):
    """A command, or a group of them, whose module is imported when it is used, not before."""

    def __init__(self, name: str, load: Loader, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self.load = load

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        # The parent group invokes the command of the context made here: from now on the real one.
        found = self.load()
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found).make_context(info_name, args, parent=parent, **extra)
        single = typer.Typer()
        single.command()(found)
        return typer.main.get_command(single).make_context(info_name, args, parent=parent, **extra)
