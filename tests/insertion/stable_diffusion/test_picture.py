"""A layout painted by diffusers' real text-to-image classes on tiny random folders. What they paint is noise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_diffusion import SIDE, save_controlnet, save_diffusion

from smartmask.errors import ModelError, ModelMissingError, OutOfMemoryError
from smartmask.insertion.stable_diffusion.families import FAMILIES
from smartmask.insertion.stable_diffusion.picture import LayoutPainter
from smartmask.insertion.stable_diffusion.seg_control import ade20k_colour
from smartmask.scene import Layer, Scene

pytest.importorskip("diffusers")
HEIGHT, WIDTH = 50, 70


def scene(name: str = "dog") -> Scene:
    sky, thing = np.zeros((2, HEIGHT, WIDTH), bool)
    sky[:25], thing[20:40, 10:40] = True, True
    return Scene(HEIGHT, WIDTH, (Layer("sky", sky, thing=False), Layer(name, thing)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_diffusion(kind, tmp_path_factory.mktemp(kind)) for kind in ("sd", "sdxl", "sd-inpaint")}


@pytest.fixture(scope="module")
def controlnets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: save_controlnet(family, tmp_path_factory.mktemp(f"control-{family}")) for family in FAMILIES}


@pytest.fixture(scope="module")
def painter(folders: dict[str, Path], controlnets: dict[str, Path]) -> LayoutPainter:
    return LayoutPainter.from_pretrained(folders["sd"], controlnets["sd"], device="cpu")


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_each_family_paints(family: str, folders: dict[str, Path], controlnets: dict[str, Path]) -> None:
    painter = LayoutPainter.from_pretrained(folders[family], controlnets[family], device="cpu")
    assert painter.side == SIDE
    steps: list[tuple[int, int]] = []
    first = painter(scene(), "a dog", generator=3, steps=2, callback_on_step_end=lambda *step: steps.append(step))
    assert first.image.shape == (HEIGHT, WIDTH, 3)
    assert first.image.dtype == np.uint8
    assert first.image.std() > 5, "noise, not one colour"
    assert first.painted == (48, 64)
    assert steps == [(1, 2), (2, 2)]
    assert np.array_equal(first.image, painter(scene(), "a dog", generator=3, steps=2).image)
    assert not np.array_equal(first.image, painter(scene(), "a dog", generator=4, steps=2).image)


def test_text_and_layout_matter(painter: LayoutPainter) -> None:
    plain = painter(scene(), "a dog", steps=2).image
    assert not np.array_equal(plain, painter(scene(), "a zebra", steps=2).image)
    assert not np.array_equal(plain, painter(scene("car"), "a dog", steps=2).image)


def test_what_the_pipeline_is_asked(painter: LayoutPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def call(**arguments: Any) -> Any:
        calls.append(arguments)
        return SimpleNamespace(images=[Image.new("RGB", (64, 48), "grey")], nsfw_content_detected=[bool(calls[1:])])

    monkeypatch.setattr(painter, "pipeline", call)
    painted = painter(scene(), "a dog in the sun", generator=2)
    (asked,) = calls
    assert asked["prompt"] == "a dog in the sun"
    assert asked["image"].size == (asked["width"], asked["height"]) == (64, 48)
    colours = {tuple(colour) for colour in np.array(asked["image"]).reshape(-1, 3)}
    assert colours == {ade20k_colour("sky"), ade20k_colour("dog"), (0, 0, 0)}
    assert asked["num_inference_steps"] == FAMILIES["sd"].steps
    assert asked["generator"].initial_seed() == 2
    assert painted.unknown == pytest.approx((25 * 70 - 15 * 30) / (50 * 70)), "nothing is labeled there"
    with pytest.raises(RuntimeError, match="withheld the picture"):
        painter(scene(), "a dog")


def refused(name: str | Path, *words: str, kind: type[Exception] = ModelError, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        LayoutPainter.from_pretrained(name, **{"device": "cpu"} | options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_models_that_do_not_fit(folders: dict[str, Path], controlnets: dict[str, Path], tmp_path: Path) -> None:
    control = controlnets["sd"]
    refused(folders["sd"], "has no ControlNet", "--controlnet")
    refused(folders["sd-inpaint"], "9 channels", "text-to-image", controlnet=control)
    refused(folders["sd"], "text width 64", "picture model", controlnet=controlnets["sdxl"])
    refused(tmp_path, "picture model", "lacks model_index.json", controlnet=control)
    refused("someone/painter", "hf download someone/painter", "layout is complete", kind=ModelMissingError)
    refused(folders["sd"], "hf download someone/seg", kind=ModelMissingError, controlnet="someone/seg")


def test_a_folder_with_its_own_controlnet(painter: LayoutPainter, tmp_path: Path) -> None:
    painter.pipeline.save_pretrained(tmp_path / "both")
    alone = LayoutPainter.from_pretrained(tmp_path / "both", device="cpu")
    assert np.array_equal(alone(scene(), "a dog", steps=2).image, painter(scene(), "a dog", steps=2).image)


def test_memory_and_bad_input(painter: LayoutPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="steps is 0"):
        painter(scene(), "a dog", steps=0)
    with pytest.raises(ValueError, match=r"steps is 1000; .* at most 999"):
        painter(scene(), "a dog", steps=1000)
    with pytest.raises(ValueError, match="scene text"):
        painter(scene(), " ")

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(painter.pipeline.vae, "decode", fail)
    with pytest.raises(OutOfMemoryError, match="not enough memory to paint 64x48"):
        painter(scene(), "a dog", steps=1)
