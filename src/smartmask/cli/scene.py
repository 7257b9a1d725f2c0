"""``smartmask scene``: edits of a saved scene, each undone again by ``undo``."""

from __future__ import annotations

import typer

from smartmask.cli.command import command_of
from smartmask.io.terminal import say
from smartmask.scene import edit
from smartmask.scene.edit import SceneEdit


def _run(request: SceneEdit) -> None:
    scene, history = request.run()
    for index, layer in enumerate(scene.layers):
        say(f"{index:3d}  {layer.name}")
    steps = "1 step" if len(history) == 1 else f"{len(history)} steps"
    say(f"{len(scene.layers)} layers and {steps} in {request.out or request.scene}")


EDITS = (edit.Move, edit.Scale, edit.Remove, edit.Reorder, edit.Rename, edit.Undo)

app = typer.Typer(help="Edit a saved scene.", no_args_is_help=True)
for _edit in EDITS:
    app.command(_edit.__name__.lower(), help=_edit.__doc__)(command_of(_edit, _run))
