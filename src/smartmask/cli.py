"""The ``smartmask`` command: exit 0, 2 for bad input, 1 for any other failure, each told in one sentence.

Nothing heavy is imported here: torch only once the input has proven good, and the modules of
``data``, ``train`` and ``eval`` only when one of them is called.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from smartmask import __version__, insertion_cli, planner_cli
from smartmask.options import (
    BlobOption,
    BoxOption,
    ContextOption,
    FacingOption,
    LayoutOption,
    LicencesOption,
    LikeDistanceOption,
    LikeOption,
    MaskOption,
    MemoryOption,
    NamesOption,
    NotBoxOption,
    OrderOption,
    PanopticOption,
    PointOption,
    ResultJsonOption,
    ScribbleOption,
    SeedOption,
    SegmenterOption,
    WeightsOption,
    step_progress,
)

app = typer.Typer(
    name="smartmask",
    help="Type an object, get precise masks of where and how it could stand in a scene.",
    no_args_is_help=True,
)

# name: (module whose ``app`` holds the commands, one line of help)
SUB_APPS = {
    "data": ("smartmask.data.cli", "Read, check and pack data sets."),
    "train": ("smartmask.train.cli", "Train the models."),
    "eval": ("smartmask.evaluate.cli", "Measure the pipeline beside its baselines."),
    "memory": ("smartmask.memory_cli", "Look after the remembered outlines; add your own."),
}
# Commands of a group that need more of the package than the group's own module may import.
ADDED = {"data": (planner_cli.instruct,)}
# package: the extra of this project that brings it
EXTRAS = {"accelerate": "train", "pyarrow": "train", "scipy": "train", "tensorboard": "train", "tqdm": "train"}
EXTRAS |= {"diffusers": "insert", "peft": "insert", "transformers": "insert"}

INTERRUPTED = 130  # the exit code of shells after Ctrl-C


class _LazyApp(TyperGroup):
    """A group of commands whose module is imported when one of them is used, not before."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self.module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        # The parent group invokes the command of the context made here: from now on the real one.
        try:
            group = importlib.import_module(self.module).app
            for command in ADDED.get(self.name or "", ()):
                if command not in [known.callback for known in group.registered_commands]:
                    group.command()(command)
            real = typer.main.get_group(group)
        except ModuleNotFoundError as error:
            if error.name == self.module:
                raise RuntimeError(f"'smartmask {self.name}' is not part of this installation") from error
            raise
        return real.make_context(info_name, args, parent=parent, **extra)


def _root() -> TyperGroup:
    root = typer.main.get_group(app)
    for name, (module, summary) in SUB_APPS.items():
        root.add_command(_LazyApp(name, module, summary), name)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (None: the process's own) and return its exit code: 0, 1, 2, or 130 if interrupted."""
    if argv is None:  # asked to end, a command clears away what it has half written, as at an interrupt
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = list(sys.argv[1:] if argv is None else argv)
    # --debug may stand anywhere, also behind a command that does not know it.
    debug = "--debug" in arguments or os.environ.get("SMARTMASK_DEBUG", "") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = _root().main(args=arguments, prog_name="smartmask", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # not public under one name in all versions of typer
            error.show()  # type: ignore[attr-defined]
            return 2
        if debug:
            traceback.print_exc()
        code, sentence = explain(error)
        print(f"smartmask: {sentence}", file=sys.stderr)
    if code == INTERRUPTED:  # also typer's answer to Ctrl-C, without a word
        print("smartmask: interrupted.", file=sys.stderr)
    return code if isinstance(code, int) else 0


def explain(error: Exception) -> tuple[int, str]:
    """``(exit code, one sentence)`` for any error: 2 where the user's input is at fault, else 1."""
    from smartmask.hub import OutOfMemoryError, is_out_of_memory

    code = 1
    if hasattr(error, "format_message"):  # a usage error of typer
        code, text = int(getattr(error, "exit_code", 2)), error.format_message()
        details = getattr(error.__cause__, "errors", None)  # pydantic's own words leave the value out
        text = f"{text.rstrip('.')} (got {details()[0].get('input')!r})" if details else text
    elif isinstance(error, ValueError):
        code, text = 2, str(error)
    elif isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        remedy = f"'smartmask[{EXTRAS[package]}]'" if package in EXTRAS else package
        text = f"This needs the Python package '{error.name}', which is not installed; try pip install {remedy}"
        if package == "smartmask":
            text = f"This installation lacks the module {error.name}; install smartmask again"
    elif isinstance(error, OutOfMemoryError):
        text = str(error)
    elif is_out_of_memory(error):
        detail = str(error).strip().split("\n")[0].rstrip(".")[:200]
        text = "There is not enough memory" + (f" ({detail})" if detail else "")
        text += "; ask for fewer masks at once, or use a smaller picture"
    elif isinstance(error, OSError):
        text = f"{error.strerror or error}" + (f" ('{error.filename}')" if error.filename else "")
    else:
        text = str(error).split("\n")[0][:400] or type(error).__name__
        if not isinstance(error, RuntimeError):
            text = f"{type(error).__name__}: {text}"
        text = f"{text.rstrip('.')} (--debug shows where)"
    text = re.sub(r"\s*[\r\n]+\s*", " ", text.strip()) or type(error).__name__
    return code, text if text.endswith((".", "?", "!")) else text + "."


def _version(asked: bool) -> None:
    if asked:
        print(f"smartmask {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (or SMARTMASK_DEBUG=1).")] = (
        False
    ),
) -> None:
    pass


@app.command()
def masks(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    prompt: Annotated[str, typer.Option("--object", metavar="TEXT", help="What to insert, such as 'dog'.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the masks, overlay.png and result.json.")],
    layout: LayoutOption = None,
    names: NamesOption = None,
    panoptic: PanopticOption = None,
    segmenter: SegmenterOption = None,
    context: ContextOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    blob: BlobOption = None,
    scribble: ScribbleOption = None,
    mask: MaskOption = None,
    not_box: NotBoxOption = None,
    order: OrderOption = None,
    facing: FacingOption = None,
    like: LikeOption = None,
    like_distance: LikeDistanceOption = 0.3,
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="How many masks, 1 to 1000.")] = 8,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Draw four times as many and keep those that are good and differ.")
    ] = False,
    seed: SeedOption = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps, for models that have them.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="How much the fit to name and scene counts.")] = None,
    context_guidance_scale: Annotated[float | None, typer.Option(help="How much the context text counts.")] = None,
    weights: WeightsOption = None,
    licences: LicencesOption = "all",
    memory: MemoryOption = None,
    as_json: ResultJsonOption = False,
) -> None:
    """Masks of where and how an object could stand in a photo, best first.

    Guides may be repeated and combined; without any, the model chooses the place.
    Coordinates are pixels of the upright photo; a guide may cross its border.
    """
    from smartmask import checks
    from smartmask.images import load_guide_mask
    from smartmask.inputs import parse_guides, read_scene
    from smartmask.masks.weights import Weights
    from smartmask.results import describe_guide, describe_masks, save_masks, save_result, staging

    # 1. Everything that can be wrong with the input, cheapest first; torch is not imported yet.
    start = time.perf_counter()
    source = Weights(weights, licences, memory).checked()
    request: dict[str, Any] = {
        "command": "masks",
        "image": str(image),
        "object": checks.check_prompt(prompt),
        "context": None if context is None else checks.check_prompt(context, "context prompt"),
        "num_masks": checks.check_num_masks(num_masks),
        "diverse": diverse,
        "seed": checks.check_seed(seed),
        "steps": checks.check_steps(steps),
        "guidance_scale": checks.check_scale(guidance_scale),
        "context_guidance_scale": checks.check_scale(context_guidance_scale, "context guidance scale"),
        "facing": checks.check_facing(facing),
        "like": None if like is None else str(like),
        "like_distance": checks.check_distance(like_distance),
        **source.describe(),
    }
    if diverse:
        checks.check_pool(num_masks)
    variations = None if like is None else load_guide_mask(like) > 0.5
    scene, notes = read_scene(image, layout, names, panoptic, segmenter)
    guides = parse_guides(
        box or (), point or (), blob or (), scribble or (), mask or (), size=(scene.height, scene.width)
    )
    not_here = parse_guides(not_box or (), size=(scene.height, scene.width))
    request["not_here"] = [describe_guide(guide) for guide in not_here]
    request["order"] = checks.check_order(order, len(scene.layers))
    seconds = {"input": time.perf_counter() - start}

    # 2. The model, into a folder that is already known to be writable.
    with staging(out) as folder:
        moment = time.perf_counter()
        pipeline = source.load()
        seconds["load"] = time.perf_counter() - moment
        with step_progress("masks") as on_step:
            output = pipeline(
                scene,
                request["object"],
                context_prompt=request["context"],
                guidance=list(guides) or None,
                num_masks=num_masks,
                num_inference_steps=steps,
                guidance_scale=guidance_scale,
                context_guidance_scale=context_guidance_scale,
                generator=seed,
                callback_on_step_end=on_step,
                not_here=list(not_here) or None,
                order=order,
                facing=request["facing"],
                like=variations,
                like_distance=like_distance,
                diverse=diverse,
            )

        # 3. The result.
        moment = time.perf_counter()
        save_masks(output, scene, guides, folder)
        seconds["write"] = time.perf_counter() - moment
        result = describe_masks(output, scene, guides, request)
        seconds["total"] = time.perf_counter() - start
        result["notes"] = [*notes, *result["notes"]]
        result["timings"] |= {stage: round(value, 4) for stage, value in seconds.items()}
        save_result(result, folder)
    _print_masks(result, out, as_json)


for _command in (*insertion_cli.COMMANDS, *planner_cli.COMMANDS):
    app.command()(_command)


def _print_masks(result: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        # ASCII escapes: the same JSON whatever the terminal's encoding is.
        print(json.dumps(result, indent=2))
        return
    for note in result["notes"]:
        print(f"smartmask: note: {note}", file=sys.stderr)
    for record in result["masks"]:
        place = "empty" if record["box"] is None else ",".join(f"{edge:g}" for edge in record["box"])
        behind = f"in front of {record['in_front_of']}" if record["in_front_of"] else "behind all"
        print(f"{record['mask']}  score {record['score']:.3f}  box {place}  {behind}  seed {record['seed']}")
    print(f"{len(result['masks'])} masks in {out} after {result['timings']['total']:.1f} s")
