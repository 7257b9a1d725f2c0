"""The bundled places and a few drawn scenes."""

from __future__ import annotations

import pytest
from drawn import block

from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.exemplar.place import Places, load_places
from smartmask.masks.exemplar.place.layout import Names
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder

HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="session")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@pytest.fixture(scope="session")
def names(text: TextEncoder) -> Names:
    return Names(text)


@pytest.fixture(scope="session")
def places(text: TextEncoder) -> Places:
    return load_places(BUNDLED_MASKS / "place", text)


@pytest.fixture(scope="session")
def meadow() -> Scene:
    """Sky over grass, a horse at the left and a small dog at the right."""
    sky = block(HEIGHT, WIDTH, 0, 0, WIDTH, 50)
    horse, dog = block(HEIGHT, WIDTH, 20, 40, 60, 80), block(HEIGHT, WIDTH, 110, 66, 130, 82)
    return Scene(
        HEIGHT, WIDTH,
        (Layer("sky", sky, False), Layer("grass", ~sky, False), Layer("horse", horse), Layer("dog", dog)),
    )  # fmt: skip
