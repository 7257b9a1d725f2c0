"""The ``smartmask`` command: exit 0, 2 for bad input, 1 for any other failure, each told in one sentence.

Nothing heavy is imported here: a command's modules only when it is called, and torch only by those that paint, train or
measure, once the input has proven good.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup

from smartmask.cli.lazy import LazyCommand, Loader
from smartmask.io import signals
from smartmask.io.explain import explain
from smartmask.io.package import VERSION
from smartmask.io.terminal import say

app = typer.Typer(
    name="smartmask",
    help="Type an object, get precise masks of where and how it could stand in a scene.",
    no_args_is_help=True,
)


def _masks() -> Callable[..., None]:
    from smartmask.cli.masks import command

    return command


def _batch() -> Callable[..., None]:
    from smartmask.cli.batch import command

    return command


def _insert() -> Callable[..., None]:
    from smartmask.cli.insert import command

    return command


def _remove() -> Callable[..., None]:
    from smartmask.cli.remove import command

    return command


def _layout() -> Callable[..., None]:
    from smartmask.cli.layout import command

    return command


def _plan() -> Callable[..., None]:
    from smartmask.cli.plan import command

    return command


def _data() -> typer.Typer:
    from smartmask.cli.data import app

    return app


def _export_model() -> Callable[..., None]:
    from smartmask.cli.export_model import command

    return command


def _train() -> typer.Typer:
    from smartmask.cli.train import app

    return app


def _eval() -> typer.Typer:
    from smartmask.cli.evaluate import app

    return app


def _scene() -> typer.Typer:
    from smartmask.cli.scene import app

    return app


def _memory() -> typer.Typer:
    from smartmask.cli.memory import app

    return app


def _serve() -> Callable[..., None]:
    from smartmask.cli.serve import command

    return command


# name: (what imports the command or the group of commands when it is used; one line of help)
COMMANDS: dict[str, tuple[Loader, str]] = {
    "masks": (_masks, "Masks of where and how an object could stand in a photo."),
    "batch": (_batch, "Masks for many photos and scenes; a run that was ended goes on."),
    "insert": (_insert, "Insert objects into a photo; the rest stays as it is, bit for bit."),
    "remove": (_remove, "Paint a region or a layer of a photo away."),
    "layout": (_layout, "Draw a layered layout from a sentence."),
    "plan": (_plan, "What to draw next, with reasons."),
    "serve": (_serve, "The studio: a page to work in and a REST service."),
    "scene": (_scene, "Edit or export a saved scene: move, scale, remove, reorder, rename, undo, export."),
    "memory": (_memory, "Look after the remembered outlines; add your own."),
    "data": (_data, "Read, check and pack data sets."),
    "train": (_train, "Train the models."),
    "export-model": (_export_model, "A trained model as an ONNX graph."),
    "eval": (_eval, "Measure the pipeline beside its baselines."),
}

INTERRUPTED = 130  # the exit code of shells after Ctrl-C


def _root() -> TyperGroup:
    root = typer.main.get_group(app)
    for name, (load, summary) in COMMANDS.items():
        root.add_command(LazyCommand(name, load, summary), name)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (None: the process's own) and return its exit code: 0, 1, 2, or 130 if interrupted."""
    if argv is None:  # asked to end, a command clears away what it has half written, as at an interrupt
        signals.answer()
    arguments = list(sys.argv[1:] if argv is None else argv)
    # --debug may stand anywhere, also behind a command that does not know it.
    debug = "--debug" in arguments or os.environ.get("SMARTMASK_DEBUG", "") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = _root().main(args=arguments, prog_name="smartmask", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except signals.Ended as ended:
        say(f"smartmask: {signals.last_words(ended)}", file=sys.stderr)
        return int(ended.code or 0)
    except BrokenPipeError:  # whoever read what is printed has gone, as "head" does: no fault, no word
        return broken_pipe()
    except SystemExit as left:  # typer's answer to a broken pipe
        if isinstance(left.__context__, BrokenPipeError):
            return broken_pipe()
        raise
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # not public under one name in all versions of typer
            error.show()  # type: ignore[attr-defined]
            return 2
        if debug:
            traceback.print_exc()
        code, sentence = explain(error)
        say(f"smartmask: {sentence}", file=sys.stderr)
    if code == INTERRUPTED:  # also typer's answer to Ctrl-C, without a word
        say("smartmask: interrupted.", file=sys.stderr)
    return code if isinstance(code, int) else 0


def broken_pipe() -> int:
    """The exit code of a command whose reader has gone; what is still to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 128 + 13  # SIGPIPE's number


def _version(asked: bool) -> None:
    if asked:
        say(f"smartmask {VERSION}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option(callback=_version, is_eager=True, help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's traceback (or SMARTMASK_DEBUG=1).")] = False,
) -> None:
    pass
