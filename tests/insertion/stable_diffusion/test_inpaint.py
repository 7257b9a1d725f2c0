"""Stable Diffusion inserters: diffusers' real classes on tiny random folders. What they paint is noise; how they
are loaded, asked and refused is real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paint_requests import HEIGHT, WIDTH, make_request
from PIL import Image
from tiny_diffusion import KINDS, SIDE, save_controlnet, save_diffusion

from smartmask.errors import ModelMissingError, OutOfMemoryError
from smartmask.geometry import box_mask
from smartmask.image.files import load_photo, save_png
from smartmask.insertion.inpainter import Painting
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.insertion.stable_diffusion.families import FAMILIES, working_size
from smartmask.insertion.stable_diffusion.inpaint import DiffusionInpainter, paint_prompt, whole_cells
from smartmask.insertion.stable_diffusion.load import STEMS
from smartmask.insertion.stable_diffusion.seg_control import ade20k_colour

pytest.importorskip("diffusers")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_diffusion(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="session")
def controlnets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: save_controlnet(family, tmp_path_factory.mktemp(f"control-{family}")) for family in ("sd", "sdxl")}


@pytest.fixture(scope="session")
def painter(folders: dict[str, Path]) -> DiffusionInpainter:
    return DiffusionInpainter.from_pretrained(folders["sd-inpaint"], device="cpu")


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(folders["sd-inpaint"], tmp_path / "model"))


def spy(painter: DiffusionInpainter, monkeypatch: pytest.MonkeyPatch, **answer: Any) -> list[dict[str, Any]]:
    """Records what the pipeline is called with, and answers a grey picture."""
    calls: list[dict[str, Any]] = []

    def call(**arguments: Any) -> Any:
        calls.append(arguments)
        size = arguments["width"], arguments["height"]
        return SimpleNamespace(**{"images": [Image.new("RGB", size, "grey")], "nsfw_content_detected": None} | answer)

    call.vae_scale_factor = painter.pipeline.vae_scale_factor  # type: ignore[attr-defined]
    monkeypatch.setattr(painter, "pipeline", call)
    return calls


# --- painting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("controlled", [False, True], ids=["alone", "controlnet"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_family_paints(
    kind: str, controlled: bool, folders: dict[str, Path], controlnets: dict[str, Path]
) -> None:
    control = {"controlnet": controlnets[kind.split("-")[0]]} if controlled else {}
    painter = load_inpainter(folders[kind], device="cpu", **control)
    assert painter.side == SIDE
    assert str(folders[kind]) in painter.name
    steps: list[tuple[int, int]] = []
    first = painter(make_request(callback=lambda step, count: steps.append((step, count))))
    assert first.image.shape == (HEIGHT, WIDTH, 3)
    assert first.image.dtype == np.uint8
    assert first.image.std() > 5, "noise, not one colour"
    assert steps
    assert steps[-1][0] == steps[-1][1] == len(steps)
    again, other = painter(make_request()), painter(make_request(seed=4))
    assert np.array_equal(first.image, again.image), "the same seed, the same picture"
    assert not np.array_equal(first.image, other.image)


def test_prompts_and_the_layout_matter(folders: dict[str, Path], controlnets: dict[str, Path]) -> None:
    painter = DiffusionInpainter.from_pretrained(
        folders["sd-inpaint"], controlnets["sd"], device="cpu", control_scale=1
    )
    request = make_request()
    plain = painter(request).image
    assert not np.array_equal(plain, painter(replace(request, prompt="zebra", context="")).image)
    layers = tuple(replace(layer, name="grass") for layer in request.scene.layers)
    assert not np.array_equal(plain, painter(replace(request, scene=replace(request.scene, layers=layers))).image)


def test_numbers_of_half_size(folders: dict[str, Path]) -> None:
    painter = DiffusionInpainter.from_pretrained(folders["sd-inpaint"], device="cpu", dtype="bfloat16", slicing=True)
    assert str(painter.pipeline.unet.dtype) == "torch.bfloat16"
    assert painter.pipeline.vae.use_slicing
    assert painter(make_request()).image.std() > 5


def test_what_the_pipeline_is_asked(
    folders: dict[str, Path], controlnets: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = DiffusionInpainter.from_pretrained(
        folders["sd-inpaint"], controlnets["sd"], device="cpu", side=128, negative_prompt="blurred"
    )
    (call,) = [spy(painter, monkeypatch), painter(make_request(steps=None))][0]
    family = FAMILIES["sd"]
    assert call["prompt"] == "dog, a dog in a park"
    assert call["negative_prompt"] == "blurred"
    assert (call["width"], call["height"]) == (128, 88)
    assert call["image"].size == call["mask_image"].size == call["control_image"].size == (128, 88)
    assert (call["num_inference_steps"], call["guidance_scale"]) == (family.steps, family.guidance_scale)
    assert call["strength"] == 1.0
    assert call["generator"].device.type == "cpu"
    colours = {tuple(colour) for colour in np.array(call["control_image"]).reshape(-1, 3)}
    assert colours == {ade20k_colour("sky"), ade20k_colour("dog")}
    mask = np.array(call["mask_image"]) > 127
    exact = np.array(Image.fromarray(make_request().mask).resize((128, 88)))
    assert mask[exact].all(), "all of the mask is painted"
    assert mask.mean() < 1.7 * exact.mean(), "and little more"


def test_few_steps_of_sdxl_are_steps(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """At strength .99, one step of the schedule would be none."""
    painter = DiffusionInpainter.from_pretrained(folders["sdxl-inpaint"], device="cpu")
    assert painter(make_request(steps=1)).image.std() > 5
    calls = spy(painter, monkeypatch)
    painter(make_request(steps=1))
    painter(make_request(steps=10, guidance_scale=0.0))
    assert [call["strength"] for call in calls] == [1.0, 0.99]
    assert calls[1]["guidance_scale"] == 0.0


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([64, 512, 1024]))
def test_working_sizes(height: int, width: int, side: int) -> None:
    rows, cols = working_size(height, width, side, 8)
    assert max(rows, cols) == side
    assert rows % 8 == cols % 8 == 0
    assert min(rows, cols) >= 8
    assert abs(min(rows, cols) - min(height, width) * side / max(height, width)) <= 8


def test_masks_grow_to_whole_cells() -> None:
    mask = box_mask((9, 3, 16, 4), 16, 24)
    assert np.array_equal(whole_cells(mask, 8), box_mask((8, 0, 16, 8), 16, 24))
    assert not whole_cells(mask & False, 8).any()


@pytest.mark.parametrize(
    ("prompt", "context", "text"),
    [
        ("dog", "", "dog"), ("dog", "a beach at noon.", "dog, a beach at noon"), ("dog", " Dog on sand", "Dog on sand"),
        ("dog", "dog", "dog"),
    ],
)  # fmt: skip
def test_prompts(prompt: str, context: str, text: str) -> None:
    assert paint_prompt(prompt, context) == text


def test_photo_to_photo(painter: DiffusionInpainter) -> None:
    """Through ``insert``: inside the mask the model's noise, outside every pixel as it was."""
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mask = box_mask((30, 20, 70, 80), 90, 120)
    result = insert(photo, "dog", mask=mask, inpainter=painter, options=PaintOptions(steps=2))
    assert np.array_equal(result.image[~mask], photo[~mask])
    assert (result.image[mask] != photo[mask]).mean() > 0.9


# --- safety checker, variants --------------------------------------------------------------------


def test_a_withheld_picture_is_not_pasted(painter: DiffusionInpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    spy(painter, monkeypatch, nsfw_content_detected=[True])
    with pytest.raises(RuntimeError, match="withheld the picture"):
        painter(make_request())


def test_a_listed_but_absent_safety_checker(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    index["requires_safety_checker"] = True
    (folder / "model_index.json").write_text(json.dumps(index))
    painter = DiffusionInpainter.from_pretrained(folder, device="cpu")
    assert painter.pipeline.safety_checker is None


def test_half_size_files(folder: Path) -> None:
    for part in ("unet", "vae", "text_encoder"):
        for stem in STEMS:
            if (folder / part / f"{stem}.safetensors").is_file():
                (folder / part / f"{stem}.safetensors").rename(folder / part / f"{stem}.fp16.safetensors")
    assert DiffusionInpainter.from_pretrained(folder, device="cpu")(make_request()).image.std() > 5


# --- errors --------------------------------------------------------------------------------------


def refused(name: str | Path, *words: str, kind: type[Exception] = ValueError, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        load_inpainter(name, **{"device": "cpu"} | options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    for word in words:
        assert word in text, text


def test_a_wrong_folder(tmp_path: Path, folders: dict[str, Path]) -> None:
    refused(tmp_path / "no" / "such", "neither an existing folder nor a hub name")
    refused(tmp_path, "lacks model_index.json", str(tmp_path))
    refused(folders["sd"] / "unet", "one part of a pipeline")
    (tmp_path / "model_index.json").write_text('{"_class_name": "ChromaPipeline"}')
    refused(tmp_path, "ChromaPipeline", "Stable Diffusion", "flux-fill")
    (tmp_path / "model_index.json").write_text("[]")
    refused(tmp_path, "no JSON object")


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("unet/config.json", "config.json"), ("vae/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model"),
        ("text_encoder/model.safetensors", "safetensors"), ("tokenizer/tokenizer.json", "tokenizer.json"),
        ("scheduler/scheduler_config.json", "scheduler_config.json"),
    ],
)  # fmt: skip
def test_a_missing_file(file: str, word: str, folder: Path) -> None:
    (folder / file).unlink()
    refused(folder, "lacks", word, file.split("/")[0])


def test_a_missing_part(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    refused(folder, "lacks the folder vae")


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_pickles_are_refused(part: str, folder: Path) -> None:
    weights = next((folder / part).glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    refused(folder, "pickled", part)


@pytest.mark.parametrize("part", ["unet", "text_encoder", "vae"])
def test_lost_weights_are_told(part: str, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = next((folder / part).glob("*.safetensors"))
    tensors = load_file(file)
    lost = sorted(key for key in tensors if key.endswith("norm1.weight"))[0]
    del tensors[lost]
    save_file(tensors, file, metadata={"format": "pt"})
    refused(folder, "cannot be loaded", "lack", "norm1.weight")


def test_a_damaged_file(folder: Path) -> None:
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:500])
    refused(folder, "cannot be loaded")


def test_controlnets_have_to_match(folders: dict[str, Path], controlnets: dict[str, Path], tmp_path: Path) -> None:
    refused(folders["sd-inpaint"], "text width 64", "has 32", "768", controlnet=controlnets["sdxl"])
    refused(folders["sdxl"], "text width 32", "has 64", "2048", controlnet=controlnets["sd"])
    refused(folders["sd"], "holds 'UNet2DConditionModel'", controlnet=folders["sd"] / "unet")
    refused(folders["sd"], "lacks config.json", controlnet=tmp_path)
    copy = Path(shutil.copytree(controlnets["sd"], tmp_path / "control"))
    (copy / "diffusion_pytorch_model.safetensors").rename(copy / "diffusion_pytorch_model.bin")
    refused(folders["sd"], "pickled", controlnet=copy)


def test_hub_names_that_are_not_here(folders: dict[str, Path]) -> None:
    refused("someone/painter", "hf download someone/painter", "paste", kind=ModelMissingError)
    refused(folders["sd"], "hf download someone/seg", kind=ModelMissingError, controlnet="someone/seg")


def test_diffusers_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    refused(folder, "pip install smartmask[insert]", kind=ModelMissingError)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"device": "abacus"}, "abacus"), ({"device": "cuda:97"}, "cuda:97"), ({"dtype": "float8"}, "float8"),
        ({"offload": True}, "CPU"), ({"offload": "often"}, "often"), ({"side": 100}, "100"), ({"side": 9000}, "9000"),
        ({"side": 0}, "side is 0"), ({"control_scale": 0.5}, "has no ControlNet"), ({"control_scale": -1}, "-1"),
    ],
)  # fmt: skip
def test_wrong_options(options: dict[str, Any], word: str, folders: dict[str, Path]) -> None:
    refused(folders["sd"], word, **options)


@pytest.mark.parametrize(("steps", "most"), [(1000, "paints in at most 999"), (1001, "from 1 to 1000")])
def test_more_steps_than_noise_levels(steps: int, most: str, painter: DiffusionInpainter) -> None:
    with pytest.raises(ValueError, match=f"number of steps is {steps}; .*{most}"):
        painter(make_request(steps=steps))


@pytest.mark.parametrize("text", ["torch", "python", "allocator"])
def test_out_of_memory(text: str, painter: DiffusionInpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    error = {
        "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        "python": MemoryError(),
        "allocator": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    }[text]

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(painter.pipeline.vae, "encode", fail)
    with pytest.raises(OutOfMemoryError, match="not enough memory to paint 64x48"):
        painter(make_request())


def test_out_of_memory_while_loading(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(diffusers.StableDiffusionInpaintPipeline, "from_pretrained", fail)
    refused(folders["sd"], "not enough memory to load", kind=OutOfMemoryError)


def test_other_errors_keep_their_kind(painter: DiffusionInpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that stops the painting is no failure of the model."""

    class Stop(Exception):  # noqa: N818
        pass

    def stop(step: int, count: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        painter(make_request(callback=stop))


# --- the command ---------------------------------------------------------------------------------


def run(*line: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "smartmask", *line], capture_output=True, text=True, env=environment, timeout=250
    )


@pytest.mark.slow
def test_the_command(folders: dict[str, Path], controlnets: dict[str, Path], tmp_path: Path) -> None:
    """insert, by file and folder alone: exact outside the mask; a wrong ControlNet and a hub name in one sentence."""
    photo = np.random.default_rng(2).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    mask = box_mask((30, 20, 70, 60), 80, 100)
    save_png(photo, tmp_path / "photo.png")
    save_png(mask, tmp_path / "mask.png")
    line = ["insert", str(tmp_path / "photo.png"), "--object", "dog", "--mask", str(tmp_path / "mask.png")]
    line += ["--steps", "2", "--out", str(tmp_path / "out"), "--device", "cpu"]
    model = ["--inpainter", str(folders["sd-inpaint"])]
    done = run(*line, *model, "--controlnet", str(controlnets["sd"]))
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip(), "the libraries have nothing to say to the user"
    result = load_photo(tmp_path / "out" / "result.png")
    assert np.array_equal(result[~mask], photo[~mask])
    assert (result[mask] != photo[mask]).any(axis=1).mean() > 0.9
    wrong = run(*line, *model, "--controlnet", str(controlnets["sdxl"]))
    assert wrong.returncode == 2, wrong.stderr
    assert "text width 64" in wrong.stderr
    missing = run(*line, "--inpainter", "someone/painter")
    assert missing.returncode == 1
    assert "hf download someone/painter" in missing.stderr
    assert (tmp_path / "out" / "jobs" / "00_dog" / "seg_control.png").is_file()
    assert "Traceback" not in wrong.stderr + missing.stderr
    assert len(missing.stderr.strip().splitlines()) == 1


def test_it_is_a_painter(painter: DiffusionInpainter) -> None:
    assert isinstance(painter(make_request()), Painting)
