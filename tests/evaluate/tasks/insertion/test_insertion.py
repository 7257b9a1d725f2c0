"""The benchmark of insertions: tasks, mask makers, painting, and its report, on cases with a known answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import HEIGHT, WIDTH, write_coco

from smartmask.evaluate.baselines import Prediction
from smartmask.evaluate.tasks.insertion.makers import (
    PLAIN,
    InpaintThenSegment,
    Made,
    MaskMaker,
    OwnMask,
    Painter,
    SystemMaker,
    centred_shape,
)
from smartmask.evaluate.tasks.insertion.objects import (
    InsertionProtocol,
    Task,
    find_tasks,
    make_task,
    photo_sources,
    train_shapes,
)
from smartmask.evaluate.tasks.insertion.report import build_report, sheet, tiles_of, to_csv, to_markdown
from smartmask.evaluate.tasks.insertion.rows import Gallery, Judges, local_crop, measure_mask, run
from smartmask.geometry import box_mask, mask_box
from smartmask.guides import Box, Guide
from smartmask.image.composition import feather_weights
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.scene import Scene

PROTOCOL = InsertionProtocol(limit=None)


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coco(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def tasks(coco: Path) -> list[Task]:
    return [make_task(*item, PROTOCOL) for item in find_tasks(photo_sources(str(coco)), PROTOCOL)]


@dataclass
class Paint:
    """Paints every crop in one grey; ``own`` in [0, 1]: the share of the mask's rows it says the object has."""

    side: int | None = None
    own: float | None = None
    name: str = "grey"
    calls: int = 0

    def __call__(self, request: PaintRequest) -> Painting:
        self.calls += 1
        self.request = request
        image = np.full((*request.mask.shape, 3), 200, dtype=np.uint8)
        alpha = None
        if self.own is not None:
            rows = np.flatnonzero(request.mask.any(axis=1))
            alpha = np.zeros(request.mask.shape, dtype=np.float32)
            alpha[rows[: round(len(rows) * self.own)]] = 1
        return Painting(image, alpha)


def left_half(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
    """A system: the left half of the box as the best of n, its upper half for the first seed."""
    assert isinstance(guide, Box)
    x0, y0, x1, y1 = guide.x0, guide.y0, guide.x1, guide.y1
    left = box_mask((x0, y0, (x0 + x1) / 2, y1), scene.height, scene.width)
    upper = box_mask((x0, y0, x1, (y0 + y1) / 2), scene.height, scene.width)
    return Prediction(np.stack([left, *[upper] * (n - 1)]), first=1)


# --- tasks -----------------------------------------------------------------------------------------


def test_the_box_the_object_and_the_photo_belong_together(coco: Path, tasks: list[Task]) -> None:
    assert len(tasks) == 8  # two objects in each of four test pictures
    for task in tasks:
        assert task.photo.shape == (HEIGHT, WIDTH, 3)
        assert mask_box(task.real) == task.box
        np.testing.assert_array_equal(task.background | task.real, box_mask(task.box, HEIGHT, WIDTH))
        assert not (task.background & task.real).any()
        _, counts = np.unique(task.photo[task.real], axis=0, return_counts=True)
        assert counts.max() > 0.95 * counts.sum()  # drawn in one colour: the mask lies on the photo's object


def test_nothing_of_the_object_is_shown(tasks: list[Task]) -> None:
    for task in tasks:
        assert task.scene.photo is None
        assert task.scene.caption is None
        assert all(not (layer.mask & box_mask(task.box, HEIGHT, WIDTH)).any() for layer in task.scene.layers)
        assert [layer.name for layer in task.scene.layers] == ["bus" if task.name == "ball" else "ball"]


def test_the_choice_is_by_hash_and_grows(coco: Path) -> None:
    def chosen(limit: int) -> list[str]:
        protocol = InsertionProtocol(limit=limit)
        return [target.code for _, target in find_tasks(photo_sources(str(coco)), protocol)]

    assert chosen(3) == chosen(6)[:3]
    assert len(set(chosen(6))) == 6


def test_full_boxes_and_small_objects_are_left_out(coco: Path) -> None:
    small = InsertionProtocol(limit=None, min_area=0.07)
    found = find_tasks(photo_sources(str(coco)), small)
    assert 0 < len(found) < 8
    assert all(target.area >= 0.07 for _, target in found)
    with pytest.raises(ValueError, match="No object of the test split"):
        find_tasks(photo_sources(str(coco)), InsertionProtocol(min_area=0.9))


def test_training_shapes_come_from_other_pictures(coco: Path) -> None:
    shapes = list(train_shapes(photo_sources(str(coco)), PROTOCOL))
    assert len(shapes) == 12
    assert {name for name, _ in shapes} == {"ball", "bus"}


def test_sources_are_found_by_folder_or_named(coco: Path, tmp_path: Path) -> None:
    expected = [("coco_instances", coco)]
    assert photo_sources(str(coco)) == expected
    assert photo_sources(str(coco.parent)) == expected
    assert photo_sources(f"coco_instances={coco}") == expected
    with pytest.raises(ValueError, match="is not a folder"):
        photo_sources(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="holds no photographs"):
        photo_sources(str(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "said"), [({"split": "tests"}, "tests"), ({"limit": 0}, "limit"), ({"min_area": 1.0}, "area")]
)
def test_wrong_protocols(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        InsertionProtocol(**wrong)  # type: ignore[arg-type]


# --- makers ----------------------------------------------------------------------------------------


@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(2, 20), st.integers(2, 20), st.floats(0, 1.2, allow_nan=False)
)
def test_a_centred_shape_has_its_area_and_stays_in_the_box(x: int, y: int, w: int, h: int, share: float) -> None:
    area = round(share * w * h)
    box = (x, y, x + w, y + h)
    mask = centred_shape(box, area, (44, 46))
    assert mask.sum() == min(area, w * h)
    assert not (mask & ~box_mask(box, 44, 46)).any()
    if mask.sum() >= 1:
        assert mask[y + (h - 1) // 2 : y + h // 2 + 1, x + (w - 1) // 2 : x + w // 2 + 1].any()


def test_makers_without_paint(tasks: list[Task]) -> None:
    task = tasks[0]
    made: dict[str, Made] = {}
    for maker in (
        SystemMaker("smartmask", left_half, 4),
        PLAIN["unranked"],
        PLAIN["box"],
        PLAIN["same-area"],
        PLAIN["exact"],
    ):
        made[maker.name] = maker(task, made)
    x0, y0, x1, y1 = task.box
    left = box_mask((x0, y0, (x0 + x1) / 2, y1), HEIGHT, WIDTH)
    np.testing.assert_array_equal(made["smartmask"].mask, left)
    np.testing.assert_array_equal(
        made["smartmask, unranked"].mask, box_mask((x0, y0, x1, (y0 + y1) / 2), HEIGHT, WIDTH)
    )
    np.testing.assert_array_equal(made["box"].mask, box_mask(task.box, HEIGHT, WIDTH))
    np.testing.assert_array_equal(made["exact"].mask, task.real)
    assert made["same-area"].mask.sum() == left.sum()


def test_a_mask_is_painted_whole_and_nothing_else(tasks: list[Task]) -> None:
    task, paint = tasks[0], Paint(own=0.3)
    painter = Painter(paint)
    mask = task.real & box_mask((0, 0, WIDTH, task.box[3] - 3), HEIGHT, WIDTH)
    after = painter(task, mask, 0.0)
    np.testing.assert_array_equal(after[~mask], task.photo[~mask])
    solid = feather_weights(mask) == 255
    assert solid.any()
    assert (after[solid] == 200).all()  # also where the inserter itself saw no object
    assert paint.request.precision == 0
    assert paint.request.prompt == task.name
    assert paint.request.seed == task.seed
    assert task.photo is not after


def test_an_empty_mask_changes_nothing(tasks: list[Task]) -> None:
    paint = Paint()
    after = Painter(paint)(tasks[0], np.zeros((HEIGHT, WIDTH), dtype=bool), 0.0)
    np.testing.assert_array_equal(after, tasks[0].photo)
    assert paint.calls == 0


@pytest.mark.parametrize("side", [None, 64])
def test_the_box_is_painted_once_a_task(tasks: list[Task], side: int | None) -> None:
    paint = Paint(side=side, own=0.5)
    painter = Painter(paint)
    own = OwnMask(painter)(tasks[0], {})
    whole = painter(tasks[0], box_mask(tasks[0].box, HEIGHT, WIDTH), 1.0)
    assert paint.calls == 1
    assert paint.request.precision == 1
    x0, y0, x1, y1 = tasks[0].box
    upper = box_mask((x0, y0, x1, (y0 + y1) / 2), HEIGHT, WIDTH)
    assert np.count_nonzero(own.mask ^ upper) <= x1 - x0  # a row, where the size of the crop is not the inserter's
    assert own.after is not None
    np.testing.assert_array_equal(own.after[~own.mask], tasks[0].photo[~own.mask])
    assert (whole != tasks[0].photo).any(axis=-1).sum() > (own.after != tasks[0].photo).any(axis=-1).sum()
    painter.box(tasks[1])
    assert paint.calls == 2


def test_an_inserter_without_a_mask_of_its_own_keeps_the_box(tasks: list[Task]) -> None:
    own = OwnMask(Painter(Paint()))(tasks[0], {})
    np.testing.assert_array_equal(own.mask, box_mask(tasks[0].box, HEIGHT, WIDTH))


def test_inpaint_then_segment_looks_at_the_painted_box(tasks: list[Task]) -> None:
    task = tasks[0]

    def segmenter(picture: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
        assert box == task.box
        x0, y0, x1, y1 = (int(v) for v in box)
        assert (picture[(y0 + y1) // 2, (x0 + x1) // 2] == 200).all()  # the paint, not the photo
        return task.real

    maker = InpaintThenSegment(Painter(Paint()), segmenter)  # type: ignore[arg-type]
    answer = maker(task, {})
    np.testing.assert_array_equal(answer.mask, task.real)
    assert answer.after is not None
    np.testing.assert_array_equal(answer.after[~task.real], task.photo[~task.real])
    assert (answer.after[task.real] != task.photo[task.real]).any()


def test_an_inserter_of_another_size_is_told(tasks: list[Task]) -> None:
    class Wrong(Paint):
        def __call__(self, request: PaintRequest) -> Painting:
            return Painting(np.zeros((5, 5, 3), dtype=np.uint8))

    with pytest.raises(RuntimeError, match="must answer uint8 RGB"):
        Painter(Wrong())(tasks[0], tasks[0].real, 0.0)


# --- the run and its report ------------------------------------------------------------------------

MAKERS: list[MaskMaker] = [SystemMaker("smartmask", left_half, 2), PLAIN["box"], PLAIN["same-area"], PLAIN["exact"]]
HEAD = {"version": "0", "command": "eval", "weights": "none", "inpainter": None, "features": None, "clip": None}
HEAD |= {"segmenter": None}


def mean_colour(pictures: list[np.ndarray]) -> np.ndarray:
    """Features with a known answer: mean and deviation of the picture."""
    return np.array([[p.mean(), p.std()] for p in pictures])


def lengths(pictures: list[np.ndarray], names: list[str]) -> np.ndarray:
    return np.array([len(name) / 10 for name in names])


def test_the_figures_that_need_no_inpainter(tasks: list[Task]) -> None:
    rows, gallery = run(tasks, MAKERS)
    assert len(rows) == len(tasks) * len(MAKERS)
    assert gallery == Gallery({}, {})
    report = build_report(rows, PROTOCOL, gallery, HEAD)
    assert (report["objects"], report["images"]) == (8, 4)
    box, exact, ours = (report["results"][name] for name in ("box", "exact", "smartmask"))
    assert (box["background"], box["object"], box["area"]) == ([1.0] * 3, [1.0] * 3, [1.0] * 3)
    assert (exact["background"], exact["object"], exact["iou"]) == ([0.0] * 3, [1.0] * 3, [1.0] * 3)
    assert (box["separation"], exact["separation"]) == ([0.0] * 3, [1.0] * 3)
    assert ours["area"][0] == pytest.approx(0.5, abs=0.03)
    expected = [np.mean(row.pixels[0] / row.pixels[1]) for row in rows if row.maker == "smartmask"]
    assert ours["background"][0] == pytest.approx(np.mean(expected), abs=1e-4)
    assert report["ours_minus"]["box"]["background"][0] == pytest.approx(ours["background"][0] - 1, abs=1e-3)
    assert report["ours_minus"]["same-area"]["area"] == [0.0] * 3
    assert all(not found["pictures"] for found in report["results"].values())
    text = to_markdown(report)
    assert "No inpainter was given" in text
    assert "FID" not in text


def test_the_figures_of_pictures(tasks: list[Task]) -> None:
    kept: list[tuple[str, str]] = []
    painter = Painter(Paint(own=0.5))
    makers = [*MAKERS, OwnMask(painter)]
    rows, gallery = run(
        tasks, makers, painter, Judges(mean_colour, lengths), keep=lambda task, name, _: kept.append((task.name, name))
    )
    assert len(kept) == len(tasks) * (len(makers) + 1)  # the photographs too, as "real"
    report = build_report(rows, PROTOCOL, gallery, HEAD)
    found = {name: part["pictures"] for name, part in report["results"].items()}
    assert all(part["changed_outside"] == 0 for part in found.values())
    assert found["exact"]["l2_background"] == [0.0] * 3
    assert found["box"]["l2_background"][0] > found["inserter's own mask"]["l2_background"][0] > 0
    assert found["box"]["clip"][0] == pytest.approx(np.mean([len(task.name) / 10 for task in tasks]), abs=1e-4)
    assert (found["box"]["fid"]["pictures"], found["box"]["fid"]["features"]) == (8, 2)
    # Flat grey in a box moves the mean and the deviation of a crop more than of a whole picture.
    assert found["box"]["local_fid"]["fid"] > found["box"]["fid"]["fid"] > 0
    text = to_markdown(report)
    assert "FID, exact mask | FID, box mask" in text
    assert "| inserter's own mask |" in text
    lines = to_csv(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[0].startswith("mask,source,key,name,box,background,object,separation,iou")


def test_a_known_frechet_distance_of_the_painted_pictures(tasks: list[Task]) -> None:
    """Features that count the maker's paint: every painted set is the real one shifted by a known vector."""

    def shifted(pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([[float(i > 0) * 3, 0.0] for i in range(len(pictures))])

    _, gallery = run(tasks, [PLAIN["box"]], Painter(Paint()), Judges(features=shifted))
    report = build_report(run(tasks, [PLAIN["box"]], Painter(Paint()))[0], PROTOCOL, gallery, HEAD)
    assert report["results"]["box"]["pictures"]["fid"]["fid"] == pytest.approx(9)
    assert report["results"]["box"]["pictures"]["local_fid"]["fid"] == pytest.approx(9)


def test_a_mask_beyond_the_box_is_told_apart(tasks: list[Task]) -> None:
    task = tasks[0]
    box = box_mask(task.box, HEIGHT, WIDTH)
    x0, y0, x1, y1 = task.box
    wide = box_mask((x0 - 2, y0, x1, y1), HEIGHT, WIDTH)
    assert measure_mask(task, "wide", wide).spill == pytest.approx(2 * (y1 - y0) / box.sum())
    assert measure_mask(task, "wide", wide).area == 1
    assert measure_mask(task, "box", box).spill == 0


def test_wrong_masks_are_told(tasks: list[Task]) -> None:
    with pytest.raises(ValueError, match="'odd' answered bool of shape"):
        measure_mask(tasks[0], "odd", np.zeros((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="uint8"):
        measure_mask(tasks[0], "odd", np.zeros((HEIGHT, WIDTH), dtype=np.uint8))


def test_the_page_tints_what_is_lost_and_what_is_kept(tasks: list[Task]) -> None:
    task = tasks[0]
    rows, _ = run([task], MAKERS)
    by_maker = {row.maker: row for row in rows}
    tiles, captions = tiles_of(task, by_maker, ["smartmask", "box"], {"box": task.photo})
    assert len(tiles) == len(captions) == 5  # photo, real, two masks, one painted
    assert captions[3].startswith("box\nrepaints 100%, covers 100%")
    crop_real, crop_back = local_crop(task.real, task), local_crop(task.background, task)
    change = tiles[3].astype(int) - local_crop(task.photo, task)
    assert (change[crop_back][:, 0] > 0).all()  # redder
    assert not change[~(crop_real | crop_back)].any()
    np.testing.assert_array_equal(tiles[4], local_crop(task.photo, task))
    page = sheet([(tiles, captions), (tiles, captions)], tile=64)
    assert page.shape[1] == 5 * (64 + 8)
