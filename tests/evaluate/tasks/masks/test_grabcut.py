"""GrabCut on photographs whose object has a colour of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from packs import HEIGHT, WIDTH, ellipse_mask
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.registry import read
from smartmask.data.splits import split_of
from smartmask.data.targets import Protocol, find_targets, make_case
from smartmask.evaluate.tasks.masks.grabcut import GRABCUT, GrabCut, find_photos, grabcut, with_photos
from smartmask.geometry import mask_iou
from smartmask.image.files import save_png

BOX = (60.0, 40.0, 100.0, 90.0)


def ball() -> np.ndarray:
    return ellipse_mask(80, 65, 19, 24)


def photograph(seed: int = 0) -> np.ndarray:
    """A red ball on noisy green."""
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 30, (HEIGHT, WIDTH, 3)) + np.array([20, 150, 40])
    photo[ball()] = rng.integers(0, 30, (int(ball().sum()), 3)) + np.array([200, 20, 30])
    return photo.astype(np.uint8)


def test_it_finds_what_has_its_own_colour() -> None:
    found = grabcut(photograph(), BOX)
    assert mask_iou(found, ball()) > 0.95
    np.testing.assert_array_equal(found, grabcut(photograph(), BOX))


def test_without_background_or_difference_the_answer_is_the_box() -> None:
    assert grabcut(photograph(), (0, 0, WIDTH, HEIGHT)).all()
    tiny = grabcut(photograph(), (10, 10, 11, 11))
    assert tiny.sum() == 1


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pedestrians, in the form of Penn-Fudan: photographs with red balls, and their masks."""
    folder = tmp_path_factory.mktemp("data")
    wanted, number = {"train": 3, "test": 3, "dev": 0}, 0
    for part in ("images", "instance_masks"):
        (folder / "pennfudan" / part).mkdir(parents=True)
    while any(wanted.values()):
        number += 1
        name = f"FudanPed{number:05d}"
        if wanted[split_of(name)]:
            wanted[split_of(name)] -= 1
            save_png(photograph(number), folder / "pennfudan" / "images" / f"{name}.png")
            save_png(ball().astype(np.uint8), folder / "pennfudan" / "instance_masks" / f"{name}_mask.png")
    return folder


@pytest.fixture(scope="module")
def people(root: Path) -> Pack:
    write_pack(read("pennfudan", root / "pennfudan"), root / "people.parquet")
    return Pack(root / "people.parquet")


def test_photographs_are_found_for_the_objects_of_a_pack(root: Path, people: Pack) -> None:
    protocol = Protocol(sources=("pennfudan",), limit=None)
    photos = find_photos(root, protocol.sources)
    targets = find_targets(people, protocol)
    assert with_photos(people, targets, photos) == targets
    case = make_case(people[targets[0].record], targets[0], "box", protocol)
    assert mask_iou(GrabCut(people, photos).look(case).masks[0], ball()) > 0.95
    point = make_case(people[targets[0].record], targets[0], "point", protocol)
    with pytest.raises(ValueError, match="exact box"):
        GrabCut(people, photos).look(point)
    with pytest.raises(ValueError, match="no photographs of voc"):
        find_photos(root, ["voc"])
    with pytest.raises(ValueError, match="has a photograph"):
        with_photos(people, targets, {})


def test_the_command_marks_its_row(root: Path, people: Pack) -> None:
    common = ["masks", "--data", str(people.path), "--sources", "pennfudan", "--systems", "box-fill"]
    arguments = [*common, "--photos", str(root), "--num-masks", "2", "--json"]
    report = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    found = report["results"]["box"]["all"]
    assert set(found) == {"box-fill", GRABCUT}
    scores = {name: figures["own"]["first"][0] for name, figures in found.items()}
    assert scores[GRABCUT] > 0.95 > scores["box-fill"]
    assert report["objects"]["all"] == 3
    refused = CliRunner().invoke(app, [*arguments, "--guidance", "point"])
    assert "exact box" in str(refused.exception)
