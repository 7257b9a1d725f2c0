"""A user's files read as outlines: PNG masks of all kinds, COCO JSON, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outlined import cup, lump, table
from PIL import Image

from smartmask.geometry import rle_encode
from smartmask.image.files import save_png
from smartmask.masks.exemplar.own_sources import CLEAR, TOUCHING, Drawn, LeftOut, jobs_of, name_words, read_mask

Found = list[Drawn | LeftOut]


def read(path: Path) -> Found:
    return [item for job in jobs_of(path) for item in job()]


def only(path: Path) -> Drawn:
    (found,) = read(path)
    assert isinstance(found, Drawn)
    return found


def reason(path: Path) -> str:
    (found,) = read(path)
    assert isinstance(found, LeftOut)
    return found.reason


def picture(mask: np.ndarray, room: int = 10) -> np.ndarray:
    """A mask in the middle of a larger picture."""
    return np.pad(mask, room)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dog_001", "dog"), ("dog001", "dog"), ("dog sitting-12", "dog sitting"), ("001", ""), ("mask_3", ""),
        ("PolarBear.mask", "polar bear"), ("dog_mask", "dog"), ("été 7", "été"), ("IMG_0042", ""), ("...", ""),
        ("wine-glass (2)", "wine glass"),
    ],
)  # fmt: skip
def test_words_of_file_names(text: str, words: str) -> None:
    assert name_words(text) == words


def test_a_folder_names_its_files_before_they_do(tmp_path: Path) -> None:
    root = tmp_path / "zoo"
    for place in ("dog_sitting/cat_1.png", "horse_002.png", "003.png", "masks/004.png", "a/fox/masks/1.png"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        save_png(picture(lump(1)), root / place)
    labels = {item.source: item.label for item in read(root) if isinstance(item, Drawn)}
    assert labels == {
        "dog_sitting/cat_1": "dog sitting", "horse_002": "horse", "003": "zoo", "masks/004": "zoo",
        "a/fox/masks/1": "fox",
    }  # fmt: skip


# --- PNG masks -----------------------------------------------------------------------------------


def test_white_grey_palette_and_transparent_masks(tmp_path: Path) -> None:
    mask = picture(lump(3))
    grey = mask.astype(np.uint8)
    pictures = {
        "white": Image.fromarray(grey * 255),
        "bits": Image.fromarray(grey * 255).convert("1"),
        "ones": Image.fromarray(grey),  # a label map of 0 and 1
        "deep": Image.fromarray(grey.astype(np.uint16) * 65535),
        "colour": Image.fromarray(np.repeat(grey[..., None] * 255, 3, axis=2)),
        "red": Image.fromarray(np.stack([grey * 200, grey * 0, grey * 0], axis=2)),
        "alpha": Image.fromarray(np.dstack([np.full((*mask.shape, 3), 90, np.uint8), grey * 255])),
        "opaque": Image.fromarray(np.dstack([np.repeat(grey[..., None] * 255, 3, axis=2), grey * 0 + 255])),
    }
    palette = Image.fromarray(grey, mode="P")
    palette.putpalette([0, 0, 0, 128, 0, 0] + [0] * 762)  # as VOC writes its maps
    for name, image in (pictures | {"palette": palette}).items():
        image.save(tmp_path / f"{name}.png")
        found = read_mask(tmp_path / f"{name}.png")
        assert not isinstance(found, LeftOut), name
        np.testing.assert_array_equal(found, mask, err_msg=name)


def test_soft_edges_are_halved(tmp_path: Path) -> None:
    import cv2

    mask = picture(lump(3), 20)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    save_png(np.round(soft * 255).astype(np.uint8), tmp_path / "dog.png")
    found = read_mask(tmp_path / "dog.png")
    assert not isinstance(found, LeftOut)
    assert (found ^ mask).mean() < 0.01


def test_pictures_that_are_no_outline(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = np.zeros((80, 120), dtype=bool)
    parts[10:40, 10:40] = parts[40:70, 60:110] = True
    cases = {
        "empty": np.zeros((40, 50), dtype=bool),
        "filled": np.ones((40, 50), dtype=bool),
        "grey": rng.integers(0, 255, (40, 50), dtype=np.uint8),
        "tiny": picture(np.ones((40, 12), dtype=bool)),
        "parts": parts,
    }
    for name, array in cases.items():
        save_png(array, tmp_path / "dog.png")
        assert reason(tmp_path / "dog.png") == name
    save_png(~picture(lump(0)), tmp_path / "dog.png")  # black on white
    assert reason(tmp_path / "dog.png") == "filled"
    save_png(picture(lump(0)), tmp_path / "dog.png")
    whole = (tmp_path / "dog.png").read_bytes()
    (tmp_path / "dog.png").write_bytes(whole[: len(whole) // 2])
    (found,) = read(tmp_path / "dog.png")
    assert isinstance(found, LeftOut)
    assert found.reason == "broken"
    assert "dog.png' is damaged" in found.detail


def test_specks_are_wiped_away(tmp_path: Path) -> None:
    mask = picture(lump(3, 60, 80))
    dirty = mask.copy()
    dirty[2, 2] = True
    dirty[40, 50] = False
    save_png(dirty, tmp_path / "dog.png")
    np.testing.assert_array_equal(only(tmp_path / "dog.png").mask, mask[10:70, 10:90])


@pytest.mark.parametrize(
    ("room", "cut"),
    [
        (((9, 9), (9, 9)), ""), (((9, 0), (9, 9)), "b"), (((0, 9), (9, 0)), "tr"), (((0, 0), (0, 0)), ""),
        (((0, 0), (9, 9)), ""), (((9, 9), (0, 0)), ""), (((9, 0), (0, 0)), "lrb"),
    ],
)  # fmt: skip
def test_the_sides_at_which_a_picture_cuts(room: Any, cut: str, tmp_path: Path) -> None:
    """A mask at opposite borders is whole, in a picture that was cut to it."""
    save_png(np.pad(lump(5), room), tmp_path / "dog.png")
    assert only(tmp_path / "dog.png").cut == cut


def test_hidden_files_and_others_are_passed_by(tmp_path: Path) -> None:
    save_png(picture(lump(0)), tmp_path / "dog.PNG")
    (tmp_path / ".trash").mkdir()
    save_png(picture(lump(0)), tmp_path / ".trash" / "cat.png")
    (tmp_path / "read.me").write_text("nothing")
    assert [item.label for item in read(tmp_path) if isinstance(item, Drawn)] == ["dog"]


# --- COCO ----------------------------------------------------------------------------------------

H, W = 120, 160


def rectangle(x0: int, y0: int, x1: int, y1: int) -> list[list[float]]:
    return [[float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]]


def coco(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    rows = [{"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **a} for i, a in enumerate(annotations, 1)]
    return {
        "images": [{"id": 1, "file_name": "street/one.jpg", "height": H, "width": W}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "wine_glass"}],
        "annotations": rows,
        **more,
    }


def written(folder: Path, content: Any, name: str = "instances.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder / name


def test_coco_annotations(tmp_path: Path) -> None:
    mask = np.zeros((H, W), dtype=bool)
    mask[50:110, 60:140] = lump(2)
    file = written(
        tmp_path,
        coco(
            {"segmentation": rle_encode(mask), "category_id": 2},
            {"segmentation": rectangle(0, 5, 40, 40)},
            {"segmentation": rectangle(5, 5, 30, 30), "iscrowd": 1},
            {"segmentation": []},
            {"segmentation": rectangle(60, 10, 70, 40)},
            {"segmentation": rectangle(500, 500, 540, 540)},
            {"segmentation": rectangle(5, 60, 40, 100), "category_id": 77},
            {"segmentation": {"size": [3, 3], "counts": "nonsense"}},
            {"segmentation": rectangle(5, 60, 40, 100), "image_id": 9},
        ),
    )
    found = read(file)
    glass, dog = (item for item in found if isinstance(item, Drawn))
    assert (glass.label, glass.source, glass.cut, glass.quality) == ("wine glass", "one", "", CLEAR)
    np.testing.assert_array_equal(glass.mask, lump(2))
    assert (dog.label, dog.cut, dog.mask.shape) == ("dog", "l", (35, 40))
    left = [item for item in found if isinstance(item, LeftOut)]
    assert sorted(item.reason for item in left) == ["broken"] * 3 + ["crowd", "empty", "empty", "tiny"]
    details = " ".join(item.detail for item in left)
    assert "category 77" in details
    assert "no image has the id 9" in details
    assert "RLE" in details
    assert read(tmp_path)[0].__class__ is Drawn  # the folder's own file


def test_outlines_that_touch_count_less(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        coco(
            {"segmentation": rectangle(20, 20, 60, 60)},
            {"segmentation": rectangle(61, 20, 90, 60)},
            {"segmentation": rectangle(110, 80, 150, 110)},
        ),
    )
    assert [item.quality for item in read(file) if isinstance(item, Drawn)] == [TOUCHING, TOUCHING, CLEAR]


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        ([], "a list, not a JSON object"), ({}, "no 'categories'"), ({"categories": 3}, "not a list"),
        ({"categories": [], "images": []}, "no 'annotations'"), ({"names": ["sky"]}, "no 'categories'"),
        (coco({"segmentation": []}) | {"annotations": [{"id": 3}]}, "no 'image_id'"),
        (coco() | {"images": [{"id": "x"}]}, "not a whole number"),
    ],
)  # fmt: skip
def test_json_that_is_no_coco(content: Any, trouble: str, tmp_path: Path) -> None:
    file = written(tmp_path, content, "layout.json")
    with pytest.raises(ValueError, match=trouble) as told:
        jobs_of(file)
    assert str(told.value).startswith(f"'{file}' is no COCO instances JSON (")
    assert "\n" not in str(told.value)


def test_where_coco_files_are_found(tmp_path: Path) -> None:
    export = tmp_path / "export"
    file = written(export, coco({"segmentation": rectangle(20, 20, 60, 60)}), "_annotations.coco.json")
    save_png(picture(lump(0)), export / "one.png")  # the JSON's picture, no mask
    assert len(jobs_of(export)) == 1
    file.rename(export / "instances_val.json")
    written(export / "annotations", coco(), "instances_train.json")
    with pytest.raises(ValueError, match=r"holds several COCO files \(instances_val.json, instances_train.json\)"):
        jobs_of(export)


# --- neither -------------------------------------------------------------------------------------


def test_paths_that_hold_no_outlines(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("dog")
    (tmp_path / "broken.json").write_text("{")
    for path, trouble in (
        (tmp_path, "holds no PNG mask and no COCO JSON"),
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "notes.txt", "neither a PNG nor a JSON"),
        (tmp_path / "broken.json", "not valid JSON"),
    ):
        with pytest.raises(ValueError, match=trouble) as told:
            jobs_of(path)
        assert str(path) in str(told.value)


def test_things_with_holes_and_legs_are_whole(tmp_path: Path) -> None:
    for name, mask in {"cup": cup(), "table": table()}.items():
        save_png(picture(mask), tmp_path / f"{name}.png")
        found = only(tmp_path / f"{name}.png")
        assert found.label == name
        np.testing.assert_array_equal(found.mask, mask)
