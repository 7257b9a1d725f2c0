"""How much is drawn, and from which seed: settings of every request for masks."""

from __future__ import annotations

from pydantic import field_validator

from smartmask.io.checks import MAX_MASKS, check_num_masks, check_seed
from smartmask.io.settings import Settings, option


class Depth(Settings):
    """A request for something at a depth."""

    order: int | None = option(None, "Depth: 0 is behind all layers; the model's own choice by default.")


class Seeded(Settings):
    """A request with chance in it: the same seed, the same answer."""

    seed: int = option(0, "Seed of the first mask; the others count up from it.")

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int) -> int:
        return check_seed(value)


class Draws(Seeded):
    """A request for several masks."""

    num_masks: int = option(8, "How many masks, 1 to 1000.", flags=("--num-masks", "-n"))

    @field_validator("num_masks")
    @classmethod
    def _num_masks(cls, value: int) -> int:
        return check_num_masks(value)


def seed_of_object(seed: int, number: int) -> int:
    """The first seed of object ``number`` of a call: 1000 apart, so that no object's masks depend on ``num_masks``."""
    return check_seed(seed, MAX_MASKS * number) + MAX_MASKS * number
