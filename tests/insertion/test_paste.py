"""Paste: a cut-out scaled into a mask; its silhouette is the outline, its alpha the soft edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smartmask import Scene
from smartmask.geometry import mask_box
from smartmask.insertion.inpainter import PaintRequest
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.paste import PasteInpainter


def request_for(mask: np.ndarray) -> PaintRequest:
    height, width = mask.shape
    scene = Scene.empty(height, width).insert(mask, "dog")
    image = np.full((height, width, 3), 7, dtype=np.uint8)
    return PaintRequest(image, mask, mask, scene, 0, "dog")


def cutout(height: int = 20, width: int = 10, border: int = 3) -> np.ndarray:
    """Red on the left, blue on the right, solid but for its upper left quarter; on a green transparent border."""
    rgba = np.zeros((height + 2 * border, width + 2 * border, 4), dtype=np.uint8)
    rgba[..., 1] = 255
    inside = rgba[border : border + height, border : border + width]
    inside[:, : width // 2] = (255, 0, 0, 255)
    inside[:, width // 2 :] = (0, 0, 255, 255)
    inside[: height // 2, : width // 2, 3] = 0
    return rgba


def box_mask(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((60, 80), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_keeps_its_aspect_and_stands_on_the_lower_edge() -> None:
    painting = PasteInpainter(cutout(), mirror=False)(request_for(box_mask(20, 10, 60, 50)))
    assert painting.outline is not None
    assert mask_box(painting.outline) == (30, 10, 50, 50)
    wide = PasteInpainter(cutout(), mirror=False)(request_for(box_mask(20, 10, 30, 50)))
    assert mask_box(wide.outline) == (20, 30, 30, 50)


def test_stretch_makes_the_boxes_equal() -> None:
    painting = PasteInpainter(cutout(), fit="stretch", mirror=False)(request_for(box_mask(20, 10, 60, 50)))
    assert mask_box(painting.outline) == (20, 10, 60, 50)


@given(st.data())
def test_the_outline_stays_in_the_box_of_the_mask(data: st.DataObject) -> None:
    x0, y0 = data.draw(st.integers(0, 79)), data.draw(st.integers(0, 59))
    box = x0, y0, data.draw(st.integers(x0 + 1, 80)), data.draw(st.integers(y0 + 1, 60))
    paste = PasteInpainter(cutout(), fit=data.draw(st.sampled_from(["keep", "stretch"])))
    painting = paste(request_for(box_mask(*box)))
    found = mask_box(painting.outline)
    assert found is not None
    assert found[0] >= box[0]
    assert found[1] >= box[1]
    assert found[2] <= box[2]
    assert found[3] == box[3]
    assert painting.image.shape == (60, 80, 3)
    assert painting.alpha.shape == (60, 80)


def test_mirrored_where_that_agrees_better() -> None:
    mask = box_mask(20, 10, 40, 50)
    mask[10:30, 30:] = False  # the missing quarter is on the right
    agrees = PasteInpainter(cutout())(request_for(mask))
    assert agrees.image[45, 22].tolist() == [0, 0, 255], "blue, from the right, lies on the left now"
    as_it_is = PasteInpainter(cutout(), mirror=False)(request_for(mask))
    assert as_it_is.image[45, 22].tolist() == [255, 0, 0]
    told = PasteInpainter(cutout(), mirror=True)(request_for(box_mask(20, 10, 40, 50)))
    assert told.image[45, 22].tolist() == [0, 0, 255]
    tie = PasteInpainter(cutout())(request_for(box_mask(20, 10, 40, 50)))
    assert tie.image[45, 22].tolist() == [255, 0, 0]


@pytest.mark.parametrize("factor", [0.37, 3.3])
def test_no_colour_of_the_background_bleeds_in(factor: float) -> None:
    height, width = round(20 * factor), round(10 * factor)
    big = np.zeros((100, 100), dtype=bool)
    big[5 : 5 + height, 5 : 5 + width] = True
    painting = PasteInpainter(cutout())(request_for(big))
    assert painting.image[painting.outline][:, 1].max() == 0, "the green lies under transparency only"


def test_files_of_any_depth(tmp_path: Path) -> None:
    Image.fromarray(cutout()).save(tmp_path / "dog.png")
    paste = load_inpainter("paste", cutout=tmp_path / "dog.png")
    assert (paste.name, paste.side) == ("paste", None)
    deep = PasteInpainter(cutout().astype(np.uint16) * 257)
    mask = request_for(box_mask(20, 10, 40, 50))
    np.testing.assert_array_equal(paste(mask).image, deep(mask).image)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4, 3), np.uint8), "has no transparent background; give an RGBA PNG"),
        (np.full((4, 4, 4), 255, np.uint8), "has no transparent background; give an RGBA PNG"),
        (np.zeros((4, 4, 4), np.uint8), "is wholly transparent"),
        (np.zeros((4, 4, 7), np.uint8), "is not a photo"),
    ],
)
def test_cutouts_that_are_none(tmp_path: Path, array: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PasteInpainter(array)
    if array.shape[2] < 5:
        Image.fromarray(array).save(tmp_path / "dog.png")
        with pytest.raises(ValueError, match=rf"cut-out '.*dog\.png' {says}"):
            PasteInpainter(tmp_path / "dog.png")


def test_bad_options(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to paste; give a cut-out"):
        load_inpainter("paste")
    with pytest.raises(ValueError, match="'squeeze'; use 'keep'"):
        PasteInpainter(cutout(), fit="squeeze")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"cut-out '.*none\.png' does not exist"):
        PasteInpainter(tmp_path / "none.png")
