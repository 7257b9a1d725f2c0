"""Planners by name, as the command line writes them."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator

from smartmask.io.checks import check_prompt
from smartmask.io.settings import Settings, argument, option
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import Planner
from smartmask.plan.planners.learned import LearnedPlanner
from smartmask.text.encoder import TextEncoder

FORMS = "given, learned, vision:MODEL (or the hub name or folder alone) or endpoint:MODEL"


_KINDS = ("given", "learned", "vision", "endpoint")


class Planned(Settings):
    """A scene in words, and who says what comes next."""

    text: str = argument("The scene: 'a beach with two people and a boat'.", metavar="TEXT")
    planner: str = option(
        "learned", "given, learned, vision:MODEL or endpoint:MODEL: who says what comes next.", metavar="NAME"
    )

    @field_validator("text")
    @classmethod
    def _text(cls, value: str) -> str:
        check_prompt(value, "scene text")
        return value


def load_planner(name: str, text: TextEncoder, ideas: int = 0) -> Planner:
    """A planner of FORMS; those with a language model fall back on the text's own objects.

    ideas: how many objects beyond the text it may propose; without any, 'learned' is 'given', and nothing is loaded.
    ValueError for an unknown name or missing weights.
    """
    kind, _, model = name.partition(":")
    if kind not in _KINDS and ("/" in name or Path(name).is_dir()):
        kind, model = "vision", name
    if name == "given" and ideas:
        raise ValueError("The planner 'given' has no ideas of its own; use --planner learned with --ideas.")
    if name == "learned" and ideas:
        return LearnedPlanner.from_pretrained(text, ideas=ideas)
    if name in ("given", "learned"):
        return GivenList()
    if kind not in _KINDS[2:] or not model:
        raise ValueError(f"There is no planner '{name}'; use {FORMS}.")
    fallback = GivenList()
    if kind == "vision":
        from smartmask.plan.planners.vision import VisionPlanner

        seeing = VisionPlanner.from_pretrained(model, text, fallback)
        seeing.ideas = ideas
        return seeing
    from smartmask.plan.planners.endpoint import EndpointPlanner

    asking = EndpointPlanner(model, text, fallback)
    asking.ideas = ideas
    return asking
