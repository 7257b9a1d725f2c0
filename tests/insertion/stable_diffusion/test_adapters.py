"""LoRAs, IP-Adapters, samplers of few steps and kinds of control, on tiny Stable Diffusion folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from paint_requests import make_request
from PIL import Image
from tiny_adapters import save_ip_adapter, save_lora
from tiny_diffusion import SIDE, save_controlnet, save_diffusion
from tiny_flow import save_flow

from smartmask.errors import ModelMissingError
from smartmask.geometry import box_mask
from smartmask.image.files import save_png
from smartmask.insertion.job import InsertJob
from smartmask.insertion.lay import ObjectRequest
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.insertion.stable_diffusion.adapters import lora_of
from smartmask.insertion.stable_diffusion.control import control_kind, cut_out_picture
from smartmask.insertion.stable_diffusion.families import Pace
from smartmask.insertion.stable_diffusion.inpaint import squared

pytest.importorskip("diffusers")
KINDS = ("sd-inpaint", "sdxl-inpaint", "sd")


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_diffusion(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="session")
def loras(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_lora(bases[kind], tmp_path_factory.mktemp(f"lora-{kind}")) for kind in KINDS}


@pytest.fixture(scope="session")
def adapters(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from diffusers import UNet2DConditionModel

    unets = {kind: UNet2DConditionModel.from_pretrained(bases[kind] / "unet") for kind in KINDS}
    return {kind: save_ip_adapter(unets[kind], tmp_path_factory.mktemp(f"adapter-{kind}")) for kind in KINDS}


def load(folder: Path, **options: Any) -> Any:
    return load_inpainter(folder, device="cpu", **options)


def refused(folder: Path, *words: str, kind: type[Exception] = ValueError, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        load(folder, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    for word in words:
        assert word in text, text


# --- LoRA ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sd-inpaint", pytest.param("sdxl-inpaint", marks=pytest.mark.slow)])
def test_loras_change_the_picture(kind: str, bases: dict[str, Path], loras: dict[str, Path]) -> None:
    plain = load(bases[kind])(make_request()).image
    painter = load(bases[kind], lora=str(loras[kind].parent))
    assert str(loras[kind].parent) in painter.name
    whole = painter(make_request()).image
    assert not np.array_equal(plain, whole)
    assert np.array_equal(plain, load(bases[kind], lora=[f"{loras[kind]}:0"])(make_request()).image)
    half = load(bases[kind], lora=[f"{loras[kind]}:0.5"])(make_request()).image
    assert not np.array_equal(half, whole)
    twice = load(bases[kind], lora=[f"{loras[kind]}:0.25", f"{loras[kind]}:0.25"])(make_request()).image
    assert np.abs(twice.astype(int) - half.astype(int)).max() <= 2, "two quarters of one are its half"


def test_a_lora_of_a_transformer(tmp_path: Path) -> None:
    base = save_flow("flux-fill", tmp_path / "base")
    lora = save_lora(base, tmp_path / "lora")
    plain, changed = (load(base, side=SIDE, **more)(make_request()).image for more in ({}, {"lora": (lora,)}))
    assert not np.array_equal(plain, changed)


@pytest.mark.parametrize(
    ("text", "name", "scale"),
    [("a/b:0.8", "a/b", 0.8), ("a/b", "a/b", 1.0), ("x.safetensors:-1", "x.safetensors", -1.0), (Path("a"), "a", 1.0)],
)
def test_scales_of_loras(text: str, name: str, scale: float) -> None:
    assert lora_of(text) == (name, scale)


def test_loras_that_cannot_be(bases: dict[str, Path], loras: dict[str, Path], tmp_path: Path) -> None:
    base = bases["sd-inpaint"]
    refused(base, "no number", lora=[f"{loras['sd-inpaint']}:much"])
    refused(base, "scale of the LoRA", "99", lora=[f"{loras['sd-inpaint']}:99"])
    refused(base, "neither an existing folder nor a hub name", lora=[str(tmp_path / "nowhere")])
    refused(base, "hf download someone/lora", kind=ModelMissingError, lora=["someone/lora"])
    refused(base, "does not go with", "sdxl", lora=[loras["sdxl-inpaint"]])
    refused(base, "lacks", "pytorch_lora_weights.safetensors", lora=[tmp_path])
    (tmp_path / "pytorch_lora_weights.bin").write_bytes(b"x")
    refused(base, "pickled", lora=[tmp_path])
    refused(base, "no safetensors file", lora=[tmp_path / "pytorch_lora_weights.bin"])
    for name in ("a.safetensors", "b.safetensors"):
        shutil.copy(loras["sd-inpaint"], tmp_path / name)
    refused(base, "holds 2 files", "a.safetensors, b.safetensors", lora=[tmp_path])
    (tmp_path / "a.safetensors").write_bytes(b"\0" * 64)
    refused(base, "does not go with", lora=[tmp_path / "a.safetensors"])


def test_other_weights_are_no_lora(bases: dict[str, Path], adapters: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = bases["sd-inpaint"]
    refused(base, "does not go with", lora=[adapters["sd-inpaint"]])
    lora = save_lora(base, tmp_path)
    tensors = load_file(lora)
    tensors[sorted(tensors)[0]].fill_(torch.nan)
    save_file(tensors, lora, metadata={"format": "pt"})
    refused(base, "not finite", lora=[lora])


# --- few steps -----------------------------------------------------------------------------------


def test_lcm_with_a_lora(bases: dict[str, Path], loras: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    painter = load(bases["sd-inpaint"], lora=[loras["sd-inpaint"]], sampler="lcm")
    assert type(painter.pipeline.scheduler).__name__ == "LCMScheduler"
    assert painter.pace == Pace(4, 1.0)
    steps: list[int] = []
    first = painter(make_request(steps=None, callback=lambda step, count: steps.append(count))).image
    assert steps == [4] * 4
    assert np.array_equal(first, painter(make_request(steps=None)).image)
    assert not painter.pipeline.do_classifier_free_guidance, "at 1 the U-Net is asked once a step"


def test_a_folder_with_lcms_own_scheduler(bases: dict[str, Path], tmp_path: Path) -> None:
    from diffusers import LCMScheduler

    folder = Path(shutil.copytree(bases["sdxl-inpaint"], tmp_path / "lcm"))
    LCMScheduler().save_pretrained(folder / "scheduler")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "LCMScheduler"]}))
    assert load(folder).pace == Pace(4, 1.0)


def test_a_consistency_model(bases: dict[str, Path], tmp_path: Path) -> None:
    """Its U-Net is told the guidance scale; the class for inpainting takes it as it is."""
    from diffusers import LCMScheduler, UNet2DConditionModel

    folder = Path(shutil.copytree(bases["sd"], tmp_path / "lcm"))
    config = UNet2DConditionModel.load_config(folder / "unet") | {"time_cond_proj_dim": 16}
    UNet2DConditionModel.from_config(config).save_pretrained(folder / "unet")
    LCMScheduler().save_pretrained(folder / "scheduler")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"_class_name": "LatentConsistencyModelPipeline", "scheduler": ["diffusers", "LCMScheduler"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    painter = load(folder)
    assert painter.pace == Pace(4, 8.5)
    first, other = (painter(make_request(steps=None, guidance_scale=scale)).image for scale in (None, 3.0))
    assert not np.array_equal(first, other), "the scale is told"


@pytest.mark.parametrize(
    "sampler", ["dpm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ddim", "euler", "tcd", "unipc"))]
)
def test_other_samplers(sampler: str, bases: dict[str, Path]) -> None:
    assert load(bases["sd-inpaint"], sampler=sampler)(make_request(steps=4)).image.std() > 5


def test_an_unknown_sampler(bases: dict[str, Path]) -> None:
    refused(bases["sd"], "sampler is 'fast'", "lcm", sampler="fast")


# --- reference pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sd-inpaint", "sdxl-inpaint"])
def test_a_reference_picture_matters(kind: str, bases: dict[str, Path], adapters: dict[str, Path]) -> None:
    painter = load(bases[kind], ip_adapter=adapters[kind].parent, slicing=True)
    assert painter.takes_reference
    assert painter.needs_reference
    dog, cat = (np.random.default_rng(seed).integers(0, 256, (40, 90, 3), dtype=np.uint8) for seed in (1, 2))
    with_dog, with_cat = (painter(make_request(reference=picture)).image for picture in (dog, cat))
    assert not np.array_equal(with_dog, with_cat)
    assert np.array_equal(with_dog, painter(make_request(reference=dog)).image)
    plain = load(bases[kind])(make_request()).image
    assert np.array_equal(painter(make_request()).image, plain), "an object without one is painted by its text alone"
    weak = load(bases[kind], ip_adapter=adapters[kind], reference_scale=0.0)
    assert np.array_equal(weak(make_request(reference=dog)).image, plain)


def test_a_reference_through_files(bases: dict[str, Path], adapters: dict[str, Path], tmp_path: Path) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    mask = box_mask((30, 20, 70, 60), 80, 100)
    save_png(photo, tmp_path / "photo.png")
    save_png(mask, tmp_path / "mask.png")
    save_png(np.full((20, 30, 3), 99, np.uint8), tmp_path / "dog.png")
    given: dict[str, Any] = {
        "photo": tmp_path / "photo.png", "out": tmp_path / "out", "object": ("dog",), "mask": (tmp_path / "mask.png",),
        "inpainter": str(bases["sd-inpaint"]), "ip_adapter": str(adapters["sd-inpaint"]), "device": "cpu", "steps": 2,
    }  # fmt: skip
    with pytest.raises(ValueError, match="waits for a picture of the object; add --reference"):
        InsertJob(**given).run()
    report = InsertJob(**given, reference=(tmp_path / "dog.png",)).run()
    assert report.status == "painted"
    with pytest.raises(ValueError, match="'paste' has no use for --reference"):
        InsertJob(**{k: v for k, v in given.items() if k not in ("ip_adapter", "device", "inpainter")},
                  inpainter="paste", reference=(tmp_path / "dog.png",)).run()  # fmt: skip


def test_each_object_its_own_reference(bases: dict[str, Path], adapters: dict[str, Path]) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    places = [box_mask((5, 20, 40, 60), 80, 100), box_mask((60, 20, 95, 60), 80, 100)]

    def painted(*references: np.ndarray | None) -> np.ndarray:
        requests = [ObjectRequest("dog", mask=m, reference=r) for m, r in zip(places, references, strict=True)]
        return insert(
            photo, requests, inpainter=bases["sd-inpaint"], ip_adapter=adapters["sd-inpaint"], device="cpu",
            options=PaintOptions(steps=2),
        ).image  # fmt: skip

    dark, light = np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 255, np.uint8)
    one, two = painted(dark, None), painted(dark, light)
    assert np.array_equal(one[places[0]], two[places[0]])
    assert not np.array_equal(one[places[1]], two[places[1]])


def test_adapters_that_cannot_be(bases: dict[str, Path], adapters: dict[str, Path], tmp_path: Path) -> None:
    base = bases["sd-inpaint"]
    refused(base, "does not go with", ip_adapter=adapters["sdxl-inpaint"])
    alone = Path(shutil.copy(adapters["sd-inpaint"], tmp_path))
    refused(base, "folder image_encoder (a CLIP vision model) beside", ip_adapter=alone)
    (tmp_path / "image_encoder").mkdir()
    refused(base, "lacks config.json", ip_adapter=alone)
    refused(base, "reference scale is 0.5", reference_scale=0.5)


def test_long_pictures_are_shown_whole() -> None:
    picture = squared(np.zeros((10, 31, 3), np.uint8))
    assert picture.shape == (31, 31, 3)
    assert (picture[10:20] == 0).all()
    assert (picture[:10] == 255).all()
    assert (picture[20:] == 255).all()


# --- control -------------------------------------------------------------------------------------


def test_control_by_the_hole(bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ControlNet 1.1's inpainting model sees the picture, and -1 where paint goes."""
    net = save_controlnet("sd", tmp_path / "control_v11p_sd15_inpaint")
    painter = load(bases["sd"], controlnet=net, control_scale=1.0)
    assert painter.control == "inpaint"
    request = make_request()
    brighter = make_request(image=np.where(request.mask[..., None], 255, request.image).astype(np.uint8))
    assert painter(request).image.std() > 5
    seen: list[Any] = []

    def call(**arguments: Any) -> Any:
        seen.append(arguments["control_image"])
        return SimpleNamespace(images=[Image.new("RGB", (arguments["width"], arguments["height"]))])

    monkeypatch.setattr(painter, "pipeline", call)
    painter(request)
    painter(brighter)
    hole = seen[0][0, 0] == -1
    assert tuple(seen[0].shape) == (1, 3, 48, 64)
    assert 0.1 < float(hole.float().mean()) < 0.6
    assert float(seen[0][0][:, ~hole].min()) >= 0
    assert bool((seen[0] == seen[1])[0][:, hole].all()), "what is under the mask is not seen"
    monkeypatch.undo()
    by_layout = load(bases["sd"], controlnet=net, control_scale=1.0, control="seg")
    assert not np.array_equal(by_layout(request).image, painter(request).image)


def test_kinds_of_control(bases: dict[str, Path]) -> None:
    assert control_kind(None, "lllyasviel/control_v11p_sd15_inpaint") == "inpaint"
    assert control_kind(None, "lllyasviel/control_v11p_sd15_seg") == control_kind(None, None) == "seg"
    refused(bases["sd"], "control is 'depth'", "seg or inpaint", control="depth")
    refused(bases["sd"], "--controlnet", control="seg")
    shown = cut_out_picture(np.full((2, 2, 3), 255, np.uint8), np.array([[True, False], [False, False]]))
    assert shown[0, 0].tolist() == [[-1.0, 1.0], [1.0, 1.0]]
