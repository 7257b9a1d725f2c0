"""Outlines as SVG: drawn again they are the masks, under their names."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn import lumpy
from layered import HEIGHT, WIDTH, a_photo, a_scene, disc, fill_path
from PIL import Image

from smartmask.export.svg import path_of, write_svg
from smartmask.geometry import MaskWindow
from smartmask.scene import Layer, Scene

NAMESPACE = "{http://www.w3.org/2000/svg}"


def overlap(mask: np.ndarray, other: np.ndarray) -> float:
    return float((mask & other).sum() / (mask | other).sum())


def shapes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    box = np.zeros((300, 400), bool)
    box[40:200, 30:370] = True
    stripes = np.zeros((300, 400), bool)
    stripes[:, ::7] = True
    return {
        "disc": disc(200, 150, 120, 300, 400), "lump": lumpy(300, 400, (20.0, 20.0, 380.0, 280.0), rng), "box": box,
        "ring": disc(200, 150, 120, 300, 400) & ~disc(220, 150, 60, 300, 400), "stripes": stripes,
        "cut by the border": disc(0, 0, 150, 300, 400), "all": np.ones((300, 400), bool),
    }  # fmt: skip


@pytest.mark.parametrize("name", shapes())
def test_a_path_drawn_again_is_the_mask(name: str) -> None:
    mask = shapes()[name]
    path = path_of(MaskWindow.of(mask))
    assert overlap(fill_path(path, *mask.shape), mask) > 0.999
    assert "Q" in path or name in ("all", "stripes", "box")


def written(scene: Scene, **options: object) -> ElementTree.Element:
    stream = io.BytesIO()
    write_svg(scene, options.pop("picture", None), stream, **options)  # type: ignore[arg-type]
    return ElementTree.fromstring(stream.getvalue())


def test_groups_and_titles_name_the_layers_back_to_front() -> None:
    root = written(a_scene(), picture=a_photo())
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    groups = root.findall(f".//{NAMESPACE}g[@class]")
    assert [group.findtext(f"{NAMESPACE}title") for group in groups] == [layer.name for layer in a_scene().layers]
    assert [group.get("class") for group in groups] == ["stuff", "stuff", "thing", "thing"]
    assert root.find(f".//{NAMESPACE}image").get("href").startswith("data:image/jpeg;base64,")  # type: ignore[union-attr]


def test_a_photo_may_be_linked_or_left_out() -> None:
    linked = written(a_scene(), link='a "b".jpg').find(f".//{NAMESPACE}image")
    assert linked is not None
    assert linked.get("href") == 'a "b".jpg'
    assert written(a_scene()).find(f".//{NAMESPACE}image") is None


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_librsvg_draws_the_masks_again(tmp_path: Path) -> None:
    for name, mask in shapes().items():
        if name == "stripes":  # a pixel wide each: half-covered pixels are a matter of taste
            continue
        stream = io.BytesIO()
        write_svg(Scene(300, 400, (Layer("thing", mask),)), None, stream)
        text = stream.getvalue().replace(b'fill-opacity="0.4" stroke-width="1"', b'stroke-width="0"')
        (tmp_path / "a.svg").write_bytes(text)
        subprocess.run(["rsvg-convert", tmp_path / "a.svg", "-o", tmp_path / "a.png"], check=True)
        shown = np.asarray(Image.open(tmp_path / "a.png"))[..., 3] >= 128
        assert overlap(shown, mask) > 0.999, name
