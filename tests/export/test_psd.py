"""PSD files read back by psd-tools: names, places, order, groups, masks, every value of 8 and 16 bits."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from layered import HEIGHT, WIDTH, a_photo, a_scene, painted

from smartmask.export.psd import packed_rows, write_psd
from smartmask.export.stack import merged, stack_of
from smartmask.image.photo import Photo
from smartmask.scene import Scene

psd_tools = pytest.importorskip("psd_tools")


def opened(photo: Photo | None) -> Any:
    stream = io.BytesIO()
    write_psd(stack_of(a_scene(), photo, painted()), stream)
    stream.seek(0)
    return psd_tools.PSDImage.open(stream)


@pytest.mark.parametrize("bits", [8, 16])
def test_names_places_order_and_visibility(bits: int) -> None:
    found = opened(a_photo(bits))
    assert (found.size, found.depth) == ((WIDTH, HEIGHT), bits)
    told = [(one.name, one.offset, one.visible) for one in found if not one.is_group()]
    assert told == [("photo", (0, 0), True), ("shadow", (38, 45), False), ("b\u00e4ll \u2728", (40, 28), True)]
    group = found[1]
    assert group.is_group()
    assert (group.name, group.visible) == ("layout", False)
    assert [(one.name, one.offset) for one in group] == [("sky", (0, 0)), ("grass", (0, 30)), ("dog <1>", (22, 17))]


@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_come_back(bits: int) -> None:
    photo, most = a_photo(bits), (1 << bits) - 1
    found = opened(photo)
    assert (np.rint(found[0].numpy("color") * most) == photo.pixels).all()
    ball = painted()[1].layer.rgba
    assert (np.rint(found[3].numpy() * 255) == ball).all()
    dog = a_scene().layers[2].window
    assert (found[1][2].numpy("shape")[..., 0] == dog.inside()).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_the_objects_mask_is_a_layer_mask(bits: int) -> None:
    mask = opened(a_photo(bits))[3].mask
    window = a_scene().layers[3].window
    assert mask.bbox == window.box
    assert (np.asarray(mask.topil()) > 127).tolist() == window.inside().tolist()
    assert mask.background_color == 0


@pytest.mark.parametrize("width", [1, 127, 128, 129, 700])
def test_packed_rows_unpack(width: int) -> None:
    """By the format's own rule: a byte n below 128 copies n + 1 bytes, above 128 it repeats the next 257 - n times."""
    values = np.random.default_rng(width).integers(0, 256, (9, width), dtype=np.uint8)
    values[3:, width // 3 :] = 7
    values[6:] = values[6:] // 128 * 255
    for row, part in zip(values, packed_rows(values), strict=True):
        out = b""
        assert len(part) <= width + -(-width // 128)
        while part:
            copied = part[0] < 128
            count = part[0] + 1 if copied else 257 - part[0]
            out += part[1 : 1 + count] if copied else part[1:2] * count
            part = part[1 + count if copied else 2 :]
        assert out == row.tobytes()


def test_a_mask_that_would_take_something_is_left_out() -> None:
    shadow, ball = painted()
    stack = stack_of(a_scene(), a_photo(), [replace(shadow, index=2), ball])
    assert stack.entries[-2].mask is None  # type: ignore[union-attr]
    assert stack.entries[-1].mask is not None  # type: ignore[union-attr]


@pytest.mark.parametrize(("bits", "channels"), [(8, 3), (8, 1), (16, 3), (8, 4)])
def test_the_layers_together_are_the_picture(bits: int, channels: int) -> None:
    """As psd-tools composes them, and as the file holds the picture ready."""
    photo = a_photo(bits, channels)
    found, most = opened(photo), (1 << bits) - 1
    wanted = merged(a_scene(), photo, painted()).pixels
    wanted = np.repeat(wanted, 3, axis=2) if channels == 1 else wanted
    composed = np.asarray(found.composite(force=True))[..., : wanted.shape[2]]
    assert np.abs(composed.astype(float) - wanted / most * 255).max() <= 1.01
    ready = np.rint(found.numpy() * most)
    if channels != 4:  # what is transparent is stored on white
        assert (ready == wanted).all()
    else:
        assert (ready[..., 3] == wanted[..., 3]).all()


def test_without_a_photo_the_colours_are_shown() -> None:
    found = opened(None)
    assert [one.name for one in found] == ["layout", "shadow", "b\u00e4ll \u2728"]
    assert found[0].visible


def test_notes_of_the_photo_stay() -> None:
    photo = replace(a_photo(), icc=b"profile" * 20, xmp=b"<x/>")
    found = opened(photo)
    resources = psd_tools.constants.Resource
    assert found.image_resources.get_data(resources.ICC_PROFILE) == photo.icc
    assert found.image_resources.get_data(resources.RESOLUTION_INFO).horizontal == 300 << 16


def test_a_picture_beyond_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"30,000 pixels across or down; export it as OpenRaster"):
        write_psd(stack_of(Scene(2, 30_001), None), io.BytesIO())
