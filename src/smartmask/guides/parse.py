"""Guides of option texts, and the settings that take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import create_model

from smartmask.guides.guide import Guide
from smartmask.guides.table import GUIDES, as_guides, guide_of
from smartmask.io.settings import Settings, option

if TYPE_CHECKING:
    _Fields = Settings
else:
    _Fields = create_model(
        "_Fields", __base__=Settings,
        **{g.kind: (tuple[str, ...], option((), g.about, metavar=g.form)) for g in GUIDES},
    )  # fmt: skip


class GuideTexts(_Fields):
    """The option texts of all guides, one field a kind of the table; requests that take guides inherit it.

    A request that needs the name of a kind for something else (insert's finished ``mask``) declares a field of its own
    and names it in ``taken``.
    """

    taken: ClassVar[tuple[str, ...]] = ()

    def texts(self) -> dict[str, tuple[str, ...]]:
        """The texts of each kind, in the table's order."""
        return {g.kind: getattr(self, g.kind) for g in GUIDES if g.kind not in self.taken}

    def guides(self, size: tuple[int, int]) -> tuple[Guide, ...]:
        """The guides, checked against the scene's ``size`` (height, width). Raises ValueError for a wrong one."""
        return read_guides(self.texts(), size)


def read_guides(texts: Mapping[str, Iterable[object] | None], size: tuple[int, int]) -> tuple[Guide, ...]:
    """The guides of {kind: option texts or names of pictures}, checked against the scene's ``size`` (height, width)."""
    return as_guides([guide_of(kind).parse(str(text)) for kind, some in texts.items() for text in some or ()], *size)
