"""``smartmask train``: every component can be trained again with one command each; their options are the settings'."""

from __future__ import annotations

import json
import os
from typing import Any

import typer

from smartmask.cli.command import command_of
from smartmask.io.terminal import say
from smartmask.train import settings as of
from smartmask.train.config import read_config


def text(request: of.VocabularySettings) -> None:
    """The text vocabulary: closed form, seconds. Prints cross-validated figures."""
    from smartmask.train.vocabulary.build import build

    build(request.data, request.out)


def chooser(request: of.ChooserSettings) -> None:
    """The chooser (which outline suits a scene)."""
    from smartmask.train.tasks.chooser import train_chooser

    _say(f"Trained: {train_chooser(request)}")


def memory(request: of.MemorySettings) -> None:
    """The memory: whole, cut and loose outlines of the training split with traits, a file a licence tier; strokes."""
    from smartmask.train.memory import make_memory

    folder, counts = make_memory(request.curated, request.data, request.text_folder, request.chooser, request.out)
    for tier, count in counts.items():
        say(f"{tier}: {count:,} outlines")
    say(folder)


def place(request: of.PlaceSettings) -> None:
    """Where things stand and how large they are: remembered boxes, and the networks that weigh them in a scene."""
    from smartmask.train.tasks.place import train_place

    _say(f"Trained: {train_place(request)}")


def bundle(request: of.BundleSettings) -> None:
    """Puts trained components together into one folder for SmartMaskPipeline.from_pretrained."""
    from smartmask.train.memory import bundle_model

    say(bundle_model(request.text_folder, request.chooser, request.memory, request.place, request.out))


def planner(request: of.PlannerSettings) -> None:
    """The next-object network (what else, how many, where): minutes on one core."""
    from smartmask.train.tasks.planner import train_planner

    _show(train_planner(request))


def stuff(request: of.StuffSettings) -> None:
    """The stuff field (sky, ground, walls of a new scene): minutes on one core."""
    from smartmask.train.tasks.stuff import train_stuff

    _show(train_stuff(request))


def planner_vision(request: of.VisionSettings) -> None:
    """A vision-language planner by LoRA: '--planner vision:OUT/adapter' uses it."""
    from smartmask.train.tasks.planner_vision import train_planner_vision

    _show(train_planner_vision(request))


def inpaint(request: of.InpaintSettings) -> None:
    """SmartBrush, the inserter: paints objects into masks."""
    from smartmask.train.tasks.inpaint import train_inpaint

    _say(f"Trained: {train_inpaint(request)}")


def inpaint_ablation(request: of.AblationSettings) -> None:
    """Trains SmartBrush whole and with each of its parts left out, and reports on held-out photographs."""
    from smartmask.train.tasks.inpaint_ablation import run_ablation

    _show(run_ablation(request))


def latent(request: of.LatentTrainSettings) -> None:
    """SmartMask as published: a diffusion U-Net that draws the next object over a layout; '--weights' takes it."""
    from smartmask.train.tasks.latent import train_latent

    _say(f"Trained: {train_latent(request)}")


def latent_lcm(request: of.LatentLcmSettings) -> None:
    """Distils a trained model of SmartMask as published to 4 steps without guidance (LCM); '--weights' takes it."""
    from smartmask.train.tasks.latent_lcm import train_latent_lcm

    _say(f"Trained: {train_latent_lcm(request)}")


def latent_ablation(request: of.LatentAblationSettings) -> None:
    """Trains SmartMask as published whole and with one thing changed at a time, and reports on development objects."""
    from smartmask.evaluate.tasks.latent_ablation import run

    run(request)


def traits(request: of.TraitSettings) -> None:
    """Traits of remembered outlines from labels judged by eye; what is printed is told on sources not learned from."""
    from smartmask.io.publish import save_json
    from smartmask.train.traits import learn_traits, read_outlines, trait_lines, trait_scores

    data = read_outlines(request.curated)
    told, report = learn_traits(data)
    scores = trait_scores(data, told)
    for line in trait_lines(data, report, scores):
        say(line)
    if request.out is not None:
        save_json({"/".join(map(str, key)): one for key, one in sorted(scores.items())}, request.out)
        say(request.out)


def _say(text: str) -> None:
    """Prints once, however many processes train."""
    if os.environ.get("RANK", "0") == "0":
        say(text)


def _show(found: Any) -> None:
    _say(json.dumps(found, indent=1))


RECIPES = (
    (of.VocabularySettings, text),
    (of.ChooserSettings, chooser),
    (of.MemorySettings, memory),
    (of.PlaceSettings, place),
    (of.BundleSettings, bundle),
    (of.PlannerSettings, planner),
    (of.StuffSettings, stuff),
    (of.VisionSettings, planner_vision),
    (of.InpaintSettings, inpaint),
    (of.AblationSettings, inpaint_ablation),
    (of.LatentTrainSettings, latent),
    (of.LatentLcmSettings, latent_lcm),
    (of.LatentAblationSettings, latent_ablation),
    (of.TraitSettings, traits),
)

app = typer.Typer(help="Train the networks on a pack of layouts, and make the memory.", no_args_is_help=True)
for _settings, _run in RECIPES:
    app.command()(command_of(_settings, _run, config=read_config))  # type: ignore[type-var, arg-type]
