"""Random inserts of every kind: nothing outside changes, and the command would tell if it did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.exactness.main import ExactnessSettings, run
from smartmask.evaluate.tasks.exactness.photos import PHOTOS, SIZES, pixels_of
from smartmask.image.photo import Photo
from smartmask.insertion import paint


@pytest.mark.parametrize("kind", PHOTOS)
@pytest.mark.parametrize("size", ["tiny", "odd"])
def test_photos_are_read_alike_by_other_means(kind: str, size: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = PHOTOS[kind](rng, *SIZES[size](rng), tmp_path / "photo")
    if kind != "colour key":  # Pillow gives the key's alpha 0 or 255 by two ways
        np.testing.assert_array_equal(pixels_of(path), Photo.load(path).pixels)
    assert pixels_of(path).dtype == (np.uint16 if kind.startswith("16") else np.uint8)


def test_a_photo_of_each_kind_stays_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ExactnessSettings(count=len(PHOTOS), out=tmp_path, as_json=True))
    report = json.loads(capsys.readouterr().out)
    assert report["all"]["inserts"] == len(PHOTOS)
    assert report["all"]["outside"] == 0
    assert report["all"]["changed"] > 0
    assert set(report["by"]["photo"]) == set(PHOTOS)
    assert "0 in 26 inserts" in (tmp_path / "exactness.md").read_text("utf-8")


def test_a_pixel_too_many_is_told_with_the_way_to_try_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blend = paint.blend

    def careless(pixels: np.ndarray, layer: paint.PaintedLayer) -> None:
        blend(pixels, layer)
        pixels[0, 0] ^= 1

    monkeypatch.setattr(paint, "blend", careless)
    assert cli.main(["eval", "exactness", "--count", "8"]) == 1
    assert "--count 1 --first" in capsys.readouterr().err
