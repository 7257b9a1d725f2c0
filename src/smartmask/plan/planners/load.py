"""Planners by name, as the command line writes them."""

from __future__ import annotations

from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import Planner
from smartmask.plan.planners.learned import LearnedPlanner
from smartmask.text.encoder import TextEncoder

FORMS = "given, learned, vision:MODEL (a hub name or folder) or endpoint:MODEL"


def load_planner(name: str, text: TextEncoder, ideas: int = 0) -> Planner:
    """A planner of FORMS; those with a language model fall back on the learned one.

    ideas: how many objects beyond the text it may propose. ValueError for an unknown name or missing weights.
    """
    kind, _, model = name.partition(":")
    if name == "given":
        if ideas:
            raise ValueError("The planner 'given' has no ideas of its own; use --planner learned with --ideas.")
        return GivenList()
    if name == "learned":
        return LearnedPlanner.from_pretrained(text, ideas=ideas)
    if kind not in ("vision", "endpoint") or not model:
        raise ValueError(f"There is no planner '{name}'; use {FORMS}.")
    fallback = LearnedPlanner.from_pretrained(text)
    if kind == "vision":
        from smartmask.plan.planners.vision import VisionPlanner

        seeing = VisionPlanner.from_pretrained(model, text, fallback)
        seeing.ideas = ideas
        return seeing
    from smartmask.plan.planners.endpoint import EndpointPlanner

    asking = EndpointPlanner(model, text, fallback)
    asking.ideas = ideas
    return asking
