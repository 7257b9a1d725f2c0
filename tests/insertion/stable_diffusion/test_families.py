"""The transformer families: diffusers' real classes on tiny random folders, loaded, asked and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from paint_requests import HEIGHT, WIDTH, make_request
from PIL import Image
from tiny_diffusion import SIDE, save_controlnet, save_diffusion
from tiny_flow import FLOW_KINDS, save_flow

from smartmask.errors import ModelError
from smartmask.geometry import box_mask
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.insertion.stable_diffusion.families import FAMILIES, Pace
from smartmask.insertion.stable_diffusion.inpaint import DiffusionInpainter
from smartmask.insertion.stable_diffusion.picture import LayoutPainter

pytest.importorskip("diffusers")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_flow(kind, tmp_path_factory.mktemp(kind)) for kind in FLOW_KINDS}


def load(folder: Path, **options: Any) -> Any:
    return load_inpainter(folder, **{"device": "cpu", "side": SIDE} | options)


def asked(painter: DiffusionInpainter, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Any]:
    """What the pipeline is called with."""
    calls: list[dict[str, Any]] = []

    def call(**arguments: Any) -> Any:
        calls.append(arguments)
        return SimpleNamespace(images=[Image.new("RGB", (arguments["width"], arguments["height"]), "grey")])

    monkeypatch.setattr(painter, "pipeline", call)
    painter(make_request(**changes))
    return calls[0]


def test_all_families_are_tried() -> None:
    assert {"sd", "sdxl", *FLOW_KINDS} == set(FAMILIES)


@pytest.mark.parametrize("kind", FLOW_KINDS)
def test_each_family_paints(kind: str, folders: dict[str, Path]) -> None:
    painter = load(folders[kind])
    assert painter.side == SIDE
    steps: list[tuple[int, int]] = []
    first = painter(make_request(callback=lambda step, count: steps.append((step, count)))).image
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.std() > 5, "noise, not one colour"
    assert steps == [(1, 2), (2, 2)]
    assert np.array_equal(first, painter(make_request()).image), "the same seed, the same picture"
    for other in ({"seed": 4}, {"prompt": "zebra", "context": ""}):
        assert not np.array_equal(first, painter(make_request(**other)).image), other
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mask = box_mask((30, 20, 70, 80), 90, 120)
    result = insert(photo, "dog", mask=mask, inpainter=painter, options=PaintOptions(steps=2))
    assert np.array_equal(result.image[~mask], photo[~mask])
    assert (result.image[mask] != photo[mask]).mean() > 0.9


@pytest.mark.parametrize("kind", ["flux-fill", "qwen-image", "z-image"])
def test_memory_options(kind: str, folders: dict[str, Path]) -> None:
    painter = load(folders[kind], dtype="bfloat16", slicing=True)
    assert str(painter.pipeline.transformer.dtype) == "torch.bfloat16"
    assert painter.pipeline.vae.use_slicing
    assert painter.pipeline.vae.use_tiling
    assert painter(make_request()).image.std() > 5


@pytest.mark.parametrize(("offload", "method"), [("model", "model"), (True, "model"), ("sequential", "sequential")])
def test_offload_is_passed_on(
    offload: bool | str, method: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no GPU here: what would be switched on is recorded."""
    import torch
    from diffusers import FluxFillPipeline

    from smartmask.insertion.stable_diffusion import load as loader

    seen: list[str] = []
    for name in ("model", "sequential"):
        monkeypatch.setattr(
            FluxFillPipeline, f"enable_{name}_cpu_offload", lambda self, device, name=name: seen.append(name)
        )
    monkeypatch.setattr(loader, "find_device", lambda device, offload: torch.device("cuda"))
    load(folders["flux-fill"], offload=offload, dtype="float32")
    assert seen == [method]


def test_numbers_on_a_gpu() -> None:
    """T5 and Qwen overflow in float16."""
    import torch

    from smartmask.insertion.stable_diffusion.load import find_dtype

    assert find_dtype(None, torch.device("cuda"), FAMILIES["sdxl"]) is torch.float16
    assert find_dtype(None, torch.device("cuda"), FAMILIES["flux-fill"]) is torch.bfloat16
    assert find_dtype(None, torch.device("cpu"), FAMILIES["flux-fill"]) is torch.float32


def test_what_the_pipelines_are_asked(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    call = asked(load(folders["flux-fill"]), monkeypatch, steps=None)
    assert (call["num_inference_steps"], call["guidance_scale"], call["strength"]) == (50, 30.0, 1.0)
    assert "negative_prompt" not in call
    call = asked(load(folders["qwen-image"], strength=0.9), monkeypatch, steps=10, guidance_scale=3.0)
    assert (call["true_cfg_scale"], call["negative_prompt"], call["strength"]) == (3.0, " ", 0.9)
    assert "guidance_scale" not in call
    call = asked(load(folders["sd3"], negative_prompt="blurred"), monkeypatch)
    assert call["negative_prompt"] == "blurred"
    assert (call["width"], call["height"]) == (64, 48), "multiples of 16"
    call = asked(load(folders["flux-kontext"]), monkeypatch)
    assert call["prompt"] == "Add dog, a dog in a park"
    assert (call["_auto_resize"], call["max_area"]) == (False, 64 * 48)
    assert "image_reference" not in call


@pytest.mark.parametrize("kind", ["flux-kontext", "flux2-klein"])
def test_a_reference_without_an_adapter(kind: str, folders: dict[str, Path]) -> None:
    painter = load(folders[kind])
    dog, cat = (np.random.default_rng(seed).integers(0, 256, (40, 90, 3), dtype=np.uint8) for seed in (1, 2))
    plain, one, other = (painter(make_request(reference=picture)).image for picture in (None, dog, cat))
    assert not np.array_equal(plain, one)
    assert not np.array_equal(one, other)
    mask = box_mask((30, 20, 70, 80), 90, 120)
    insert(np.zeros((90, 120, 3), np.uint8), "dog", mask=mask, reference=dog, inpainter=painter,
           options=PaintOptions(steps=2))  # fmt: skip


def test_models_that_were_distilled(folders: dict[str, Path], tmp_path: Path) -> None:
    assert load(folders["flux2-klein"]).pace == Pace(4, 1.0), "its index says is_distilled"
    assert load(folders["flux"]).pace == Pace(28, 7.0)
    schnell = Path(shutil.copytree(folders["flux"], tmp_path / "schnell"))
    for place, key, value in (("transformer/config.json", "guidance_embeds", False),):
        config = json.loads((schnell / place).read_text())
        (schnell / place).write_text(json.dumps(config | {key: value}))
    weights = schnell / "transformer" / "diffusion_pytorch_model.safetensors"
    from safetensors.torch import load_file, save_file

    kept = {key: value for key, value in load_file(weights).items() if "guidance_embedder" not in key}
    save_file(kept, weights, metadata={"format": "pt"})
    painter = load(schnell)
    assert painter.pace == Pace(4, 0.0)
    assert painter(make_request(steps=None)).image.std() > 5


def test_without_the_largest_text_encoder(folders: dict[str, Path], tmp_path: Path) -> None:
    """Stable Diffusion 3 folders list T5, which many leave out of a download."""
    folder = Path(shutil.copytree(folders["sd3"], tmp_path / "sd3"))
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"text_encoder_3": ["transformers", "T5EncoderModel"], "tokenizer_3": ["transformers", "T5TokenizerFast"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    assert load(folder).pipeline.text_encoder_3 is None


def refused(name: Path, *words: str, **options: Any) -> None:
    with pytest.raises(ModelError) as caught:
        load(name, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    for word in words:
        assert word in text, text


def test_what_a_family_does_not_take(folders: dict[str, Path], tmp_path: Path) -> None:
    control = save_controlnet("sd", tmp_path / "control")
    refused(folders["flux-fill"], "kind sd or sdxl", "flux-fill", controlnet=control)
    refused(folders["flux-fill"], "takes none", "blurred", negative_prompt="blurred")
    refused(folders["flux"], "flow matching", "lcm", sampler="lcm")
    refused(folders["sd3"], "side is 72", "multiple of 16", side=72)
    refused(folders["sd3"], "IP-Adapter", "sd, sdxl", "no use", ip_adapter="someone/adapter")
    refused(folders["flux2-klein"], "without one", ip_adapter="someone/adapter")
    with pytest.raises(ValueError, match="strength is 0; it must be"):
        load(folders["sd3"], strength=0)
    with pytest.raises(ValueError, match="of the kind flux-fill; give one of the kind sd or sdxl"):
        LayoutPainter.from_pretrained(folders["flux-fill"], device="cpu")


@pytest.mark.parametrize(
    ("name", "word"),
    [("QwenImageEditPipeline", "torchvision"), ("KandinskyV22InpaintPipeline", "prior"), ("CogView4Pipeline", "SDXL")],
)
def test_classes_that_are_not_in_the_table(name: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    refused(tmp_path, name, word, "flux-fill")


def test_a_reference_picture_has_to_be_taken(folders: dict[str, Path], tmp_path: Path) -> None:
    photo, mask = np.zeros((90, 120, 3), np.uint8), box_mask((30, 20, 70, 80), 90, 120)
    plain = save_diffusion("sd", tmp_path / "sd")
    for folder in (folders["flux-fill"], plain):
        with pytest.raises(ValueError, match="cannot be shown a reference picture"):
            insert(photo, "dog", mask=mask, reference=photo, inpainter=folder, device="cpu", side=SIDE)
