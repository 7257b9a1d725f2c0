"""SmartBrush's folders after damage: a sentence that names the file, whatever was hit, and never other pictures."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smartmask.insertion.smartbrush import files
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.io.integrity import SUMS
from smartmask.io.package import BUNDLED_MASKS
from smartmask.text.encoder import TextEncoder

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "brush"
    files.save(files.new("tiny", TextEncoder.from_pretrained(BUNDLED_MASKS / "text")), folder)
    return folder


@pytest.fixture
def brush(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "brush")


def edit(folder: Path, **changes: Any) -> None:
    """Settings of the index changed."""
    index = json.loads((folder / "model_index.json").read_text())
    index["settings"] |= changes
    (folder / "model_index.json").write_text(json.dumps(index))


def without_sums(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    del index[SUMS]
    (folder / "model_index.json").write_text(json.dumps(index))


def flip(file: Path, place: float, bit: int) -> None:
    """One bit of a file turned; place: [0, 1) of its length."""
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    file.write_bytes(data)


def said(folder: Path) -> str:
    with pytest.raises(ValueError, match=re.escape(str(folder))) as caught:
        SmartBrushPipeline.from_pretrained(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("place", [0.0, 0.001, 0.3, 0.7, 0.99999])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_turned_bit_of_the_network(brush: Path, place: float, bit: int) -> None:
    flip(brush / UNET, place, bit)
    assert f"{UNET} is damaged: its checksum is not the one in model_index.json; restore it." in said(brush)


def test_a_turned_bit_of_any_other_file(brush: Path) -> None:
    others = [path for path in sorted(brush.rglob("*")) if path.is_file() and path.name != "model_index.json"]
    assert len(others) > 3
    for path in others:
        whole = path.read_bytes()
        flip(path, 0.5, 3)
        assert f"{path} is damaged" in said(brush)
        path.write_bytes(whole)
    SmartBrushPipeline.from_pretrained(brush)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", 0), ("side", 10**6), ("side", "x"), ("side", 16.5), ("patch", -1), ("patch", 65), ("steps", 0),
        ("steps", "x"), ("steps", 10**6), ("steps", True), ("guidance_scale", -1), ("guidance_scale", 1e300),
        ("guidance_scale", float("nan")), ("guidance_scale", "much"), ("preset", 3), ("preset", "a\x1b[2J"),
        ("parts", [1]), ("parts", {"colour": 1}), ("colour", 1),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(brush: Path, field: str, value: Any) -> None:
    edit(brush, **{field: value})
    sentence = said(brush)
    assert "model_index.json" in sentence
    assert any(word in sentence for word in (field, "colour", "NaN"))
    assert "\x1b" not in sentence


def test_damage_without_sums(brush: Path) -> None:
    """Older folders have no checksums: what is cut off or no number is still found."""
    without_sums(brush)
    SmartBrushPipeline.from_pretrained(brush)
    whole = (brush / UNET).read_bytes()
    (brush / UNET).write_bytes(whole[:-100])
    assert "unet" in said(brush)
    filled = bytearray(whole)
    filled[-400:] = np.full(100, np.nan, np.float32).tobytes()
    (brush / UNET).write_bytes(filled)
    assert "unet" in said(brush)


def test_a_folder_without_sums_paints_the_same(brush: Path) -> None:
    def weights() -> list[torch.Tensor]:
        return [value.clone() for value in files.load(brush).network.unet.state_dict().values()]

    before = weights()
    without_sums(brush)
    assert all(torch.equal(one, other) for one, other in zip(before, weights(), strict=True))
