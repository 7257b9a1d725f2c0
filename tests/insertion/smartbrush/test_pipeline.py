"""SmartBrushPipeline: an inserter that keeps the background, saved and loaded, new or from Stable Diffusion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_diffusion import save_diffusion

from smartmask.insertion.inpainter import PaintRequest
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.insertion.smartbrush.network import Parts
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.io.integrity import SUMS
from smartmask.io.package import BUNDLED_MASKS
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder

KINDS = ("tiny", "sd", "sd-inpaint", "sdxl")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion folders by kind."""
    folder = tmp_path_factory.mktemp("bases")
    for kind in KINDS[1:]:
        save_diffusion(kind, folder / kind)
    return folder


def make(kind: str, bases: Path, parts: Parts | None = None) -> SmartBrushPipeline:
    """A pipeline with random weights, also where new ones would be zero; few steps."""
    torch.manual_seed(0)
    if kind == "tiny":
        pipeline = SmartBrushPipeline.new("tiny", TextEncoder.from_pretrained(BUNDLED_MASKS / "text"), parts)
    else:
        pipeline = SmartBrushPipeline.from_stable_diffusion(bases / kind, parts)
    unet = pipeline.network.unet
    with torch.no_grad():
        for weight in (unet.conv_out.weight, unet.time_embedding.cond_proj.weight, unet.conv_in.weight):
            weight.normal_(0, 0.1)
    return pipeline


@pytest.fixture(scope="module", params=KINDS)
def brush(request: pytest.FixtureRequest, bases: Path) -> SmartBrushPipeline:
    return make(request.param, bases)


def ask(side: int = 32, **changes: Any) -> PaintRequest:
    """A disc to paint in a picture of noise, wider than high."""
    height, width = side * 3 // 4, side
    y, x = np.mgrid[:height, :width]
    mask = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    scene = Scene(height, width, (Layer("dog", mask),))
    told: dict[str, Any] = {"image": image, "mask": mask, "amodal": mask, "scene": scene, "order": 0, "prompt": "dog",
                            "steps": 2}  # fmt: skip
    return PaintRequest(**{**told, **changes})


def test_it_paints_a_crop_of_any_aspect(brush: SmartBrushPipeline) -> None:
    request = ask(brush.side or 0, precision=1.0)
    painting = brush(request)
    assert painting.image.shape == request.image.shape
    assert painting.image.dtype == np.uint8
    assert painting.alpha is not None
    assert painting.alpha.shape == request.mask.shape
    assert painting.alpha.dtype == np.float32
    assert painting.alpha.min() >= 0
    assert painting.alpha.max() <= 1
    assert not painting.alpha[~request.mask].any()


def test_the_same_seed_paints_the_same_and_another_does_not(brush: SmartBrushPipeline) -> None:
    first, again, other = (brush(ask(brush.side or 0, seed=seed)).image for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_text_and_precision_matter(brush: SmartBrushPipeline) -> None:
    side = brush.side or 0
    images = [brush(ask(side, **change)).image for change in (
        {}, {"prompt": "a red car"}, {"context": "a dog on a beach"}, {"guidance_scale": 6.0}, {"precision": 1.0},
    )]  # fmt: skip
    for other in images[1:]:
        assert not np.array_equal(images[0], other)


def test_pixels_outside_the_mask_come_back_bit_for_bit(bases: Path) -> None:
    brush = make("tiny", bases)
    for precision in (0.0, 0.5, 1.0):
        request = ask(precision=precision)
        painted = brush(request).image
        assert np.array_equal(painted[~request.mask], request.image[~request.mask])
        assert not np.array_equal(painted[request.mask], request.image[request.mask])


@pytest.mark.parametrize("kind", KINDS)
def test_latents_outside_the_mask_are_bit_equal_through_every_step(kind: str, bases: Path) -> None:
    brush = make(kind, bases)
    request = ask(brush.side or 0)
    side = brush.side or 0
    image = np.pad(request.image, ((0, side - request.image.shape[0]), (0, 0), (0, 0)), mode="edge")
    mask = np.pad(request.mask, ((0, side - request.mask.shape[0]), (0, 0)))
    pictures = torch.from_numpy(image).permute(2, 0, 1)[None]
    clean = brush.codec.encode(pictures.float() / 127.5 - 1)
    seen = []

    def look(step: int, steps: int, state: torch.Tensor, now: torch.Tensor) -> None:
        outside = ~now.repeat(1, clean.shape[1] // now.shape[1], 1, 1)
        assert torch.equal(state[outside], clean[outside])
        seen.append(step)

    brush.draw(pictures, torch.from_numpy(mask)[None, None], [1.0], [("dog", "")], [0], steps=4, on_state=look)
    assert seen == [1, 2, 3, 4]


def test_an_exact_mask_is_the_alpha(brush: SmartBrushPipeline) -> None:
    request = ask(brush.side or 0)
    alpha = brush(request).alpha
    assert alpha is not None
    assert np.array_equal(alpha > 0, request.mask)
    assert set(np.unique(alpha)) == {0, 1}


def test_a_coarse_mask_is_narrowed_to_the_predicted_object(bases: Path) -> None:
    """A head that says "left half" keeps the right half of the mask as it was."""
    brush = make("tiny", bases)
    request = ask(precision=1.0)

    class LeftHalf(torch.nn.Module):
        def forward(self, *args: Any) -> tuple[torch.Tensor, torch.Tensor]:
            logits = torch.full(args[2].shape, -9.0)
            logits[..., :4] = 9.0
            return torch.zeros_like(args[0]), logits

        sees_masked_picture = False

    network = LeftHalf()
    network.unet = brush.network.unet
    brush.network = network  # type: ignore[assignment]
    painting = brush(request)
    assert painting.alpha is not None
    right = request.mask.copy()
    right[:, :16] = False
    left = request.mask & ~right
    assert painting.alpha[left].min() > 0.99
    assert painting.alpha[right].max() < 0.01
    assert np.array_equal(painting.image[right], request.image[right])
    assert (painting.image[left] == 128).all()


def test_without_the_mask_head_the_whole_mask_is_painted(bases: Path) -> None:
    brush = make("tiny", bases, Parts(mask_prediction=False))
    request = ask(precision=1.0)
    assert np.array_equal(brush(request).alpha, request.mask)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("half", [False, True])
def test_save_and_load(kind: str, half: bool, bases: Path, tmp_path: Path) -> None:
    brush = make(kind, bases, Parts(captions=False))
    brush.save_pretrained(tmp_path / "brush", half=half)
    files = {path.suffix for path in (tmp_path / "brush").rglob("*") if path.is_file()}
    assert files <= {".json", ".safetensors", ".txt", ".jinja"}
    index = json.loads((tmp_path / "brush" / "model_index.json").read_text())
    assert index["_class_name"] == "SmartBrushPipeline"
    again = load_inpainter(tmp_path / "brush", device="cpu", dtype="float32")
    assert isinstance(again, SmartBrushPipeline)
    assert again.settings == brush.settings
    assert again.path.prediction == brush.path.prediction
    request = ask(brush.side or 0, precision=0.5)
    before, after = brush(request), again(request)
    if half:
        assert np.abs(before.image.astype(int) - after.image).mean() < 4
    else:
        assert np.array_equal(before.image, after.image)
        assert np.array_equal(before.alpha, after.alpha)
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


@pytest.mark.parametrize("kind", ["tiny", "sd"])
def test_loaded_weights_lie_where_torch_puts_its_own(kind: str, bases: Path, tmp_path: Path) -> None:
    """Mapped from a file they begin anywhere, and some processors round a product by its factors' addresses."""
    make(kind, bases).save_pretrained(tmp_path / "brush")
    brush = SmartBrushPipeline.from_pretrained(tmp_path / "brush")
    parts = [brush.network, getattr(brush.codec, "vae", None), getattr(brush.words, "text_encoder", None)]
    tensors = [t for part in parts if part is not None for t in (*part.parameters(), *part.buffers())]
    assert tensors
    assert not [tuple(t.shape) for t in tensors if t.numel() and t.data_ptr() % 64]


def test_a_bfloat16_pipeline_paints(bases: Path, tmp_path: Path) -> None:
    make("sd", bases).save_pretrained(tmp_path / "brush")
    brush = SmartBrushPipeline.from_pretrained(tmp_path / "brush", dtype="bfloat16")
    assert brush(ask(brush.side or 0)).image.std() > 0


def test_insert_paints_with_it_and_changes_nothing_else(bases: Path, tmp_path: Path) -> None:
    make("tiny", bases).save_pretrained(tmp_path / "brush")
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mask = np.zeros((90, 120), dtype=bool)
    mask[30:60, 40:80] = True
    result = insert(
        photo, "dog", scene=Scene.empty(90, 120), mask=mask, inpainter=tmp_path / "brush", generator=0,
        options=PaintOptions(steps=2),
    )  # fmt: skip
    assert result.inpainters == ("smartbrush",)
    assert np.array_equal(result.image[~mask], photo[~mask])
    assert not np.array_equal(result.image[mask], photo[mask])


def broken(folder: Path, how: str) -> Path:
    """A saved folder with one thing wrong."""
    index = folder / "model_index.json"
    if how == "no index":
        index.unlink()
    elif how == "no json":
        index.write_text("{")
    elif how == "other class":
        index.write_text('{"_class_name": "StableDiffusionPipeline"}')
    elif how == "no settings":
        index.write_text('{"_class_name": "SmartBrushPipeline"}')
    elif how == "no unet":
        shutil.rmtree(folder / "unet")
    elif how == "no text":
        shutil.rmtree(folder / "text")
    elif how in ("damaged", "damaged long ago"):
        if how != "damaged":  # folders of older versions have no checksums
            record = json.loads(index.read_text())
            index.write_text(json.dumps({key: value for key, value in record.items() if key != SUMS}))
        (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"0" * 100)
    elif how == "pickle":
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights.rename(weights.with_name("diffusion_pytorch_model.bin"))
    elif how == "other patch":
        text = index.read_text()
        index.write_text(text.replace('"patch": 4', '"patch": 2'))
    return folder


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no index", r"model_index\.json"),
        ("no json", "not valid JSON"),
        ("other class", "not a SmartBrushPipeline"),
        ("no settings", r"model_index\.json is damaged: its settings are None"),
        ("no unet", r"config\.json is missing"),
        ("no text", "lacks config.json"),
        ("damaged", r"diffusion_pytorch_model\.safetensors is damaged: its checksum is not the one"),
        ("damaged long ago", "cannot be loaded"),
        ("pickle", "cannot be loaded"),
        ("other patch", "does not fit"),
    ],
)
def test_a_broken_folder_is_one_sentence(how: str, says: str, bases: Path, tmp_path: Path) -> None:
    make("tiny", bases).save_pretrained(tmp_path / "brush")
    with pytest.raises(ValueError, match=says) as caught:
        SmartBrushPipeline.from_pretrained(broken(tmp_path / "brush", how))
    assert "\n" not in str(caught.value)


def other_unet(base: Path, folder: Path, change: dict[str, Any]) -> Path:
    """A copy of a base with another U-Net."""
    from diffusers import UNet2DConditionModel

    copy = Path(shutil.copytree(base, folder / next(iter(change))))
    config = UNet2DConditionModel.load_config(base / "unet") | change
    UNet2DConditionModel.from_config(config).save_pretrained(copy / "unet")
    return copy


def test_the_text_of_sdxl_is_its_own_pipelines(bases: Path) -> None:
    """States and pooled vector are those of diffusers; no text is zeros, as its negative prompt is."""
    from diffusers import StableDiffusionXLPipeline

    own = StableDiffusionXLPipeline.from_pretrained(bases / "sdxl")
    words = make("sdxl", bases).words
    tokens = torch.from_numpy(np.stack([words.tokens("dog", "a park"), words.tokens("")]))
    told = words.told(tokens)
    states, nothing, pooled, no_pooled = own.encode_prompt("dog, a park", device="cpu", num_images_per_prompt=1)
    assert told.pooled is not None
    for mine, theirs in zip((*told.states, *told.pooled), (*states, *nothing, *pooled, *no_pooled), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)
    assert not told.states[1].any()


def test_an_extended_unet_of_sdxl_answers_as_its_base(bases: Path) -> None:
    """Told the pooled text and the sizes that diffusers' own pipeline tells it."""
    from diffusers import StableDiffusionXLPipeline

    own = StableDiffusionXLPipeline.from_pretrained(bases / "sdxl")
    brush = SmartBrushPipeline.from_stable_diffusion(bases / "sdxl")
    told = brush.words.told(torch.from_numpy(brush.words.tokens("dog")[None]))
    noisy, time = torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([400])
    ids = own._get_add_time_ids((64, 48), (0, 0), (64, 48), torch.float32, told.pooled.shape[1])  # type: ignore[union-attr]
    with torch.no_grad():
        before = own.unet(noisy, time, told.states, added_cond_kwargs={"text_embeds": told.pooled, "time_ids": ids})
        mask = torch.ones(1, 1, 8, 6)
        after, logits = brush.network(noisy, time, mask, torch.ones(1), told.states, None, told.pooled)
    assert torch.allclose(after, before.sample, atol=1e-5)
    assert not logits.any()
    with pytest.raises(ValueError, match="needs the pooled text"):
        brush.network(noisy, time, mask, torch.ones(1), told.states)


def test_other_folders_are_no_base(bases: Path, tmp_path: Path) -> None:
    for change, says in (
        ({"time_cond_proj_dim": 16}, "consistency model, LCM"),
        ({"projection_class_embeddings_input_dim": 99}, "a refiner is"),
    ):
        with pytest.raises(ValueError, match=says):
            SmartBrushPipeline.from_stable_diffusion(other_unet(bases / "sdxl", tmp_path, change))
    shutil.copytree(bases / "sdxl", tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "text_encoder_2")
    with pytest.raises(ValueError, match="lacks text_encoder_2"):
        SmartBrushPipeline.from_stable_diffusion(tmp_path / "half")
    shutil.copytree(bases / "sd", tmp_path / "sd")
    shutil.rmtree(tmp_path / "sd" / "vae")
    with pytest.raises(ValueError, match="lacks vae"):
        SmartBrushPipeline.from_stable_diffusion(tmp_path / "sd")
    with pytest.raises(ValueError, match="is not a folder"):
        SmartBrushPipeline.from_stable_diffusion(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"precision": 1.5}, "precision"),
        ({"steps": 0}, "number of steps"),
        ({"guidance_scale": -1.0}, "guidance scale"),
        ({"mask": np.zeros((24, 32), dtype=bool)}, "is empty"),
    ],
)
def test_bad_requests_are_refused(change: dict[str, Any], says: str, bases: Path) -> None:
    with pytest.raises(ValueError, match=says):
        make("tiny", bases)(ask(**change))


def test_a_callback_may_stop_it(bases: Path) -> None:
    def stop(step: int, steps: int) -> None:
        assert steps == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make("tiny", bases)(ask(callback=stop))


def test_devices_and_dtypes_that_are_not_there(bases: Path, tmp_path: Path) -> None:
    make("tiny", bases).save_pretrained(tmp_path / "brush")
    with pytest.raises(ValueError, match="dtype is 'int8'"):
        SmartBrushPipeline.from_pretrained(tmp_path / "brush", dtype="int8")
    with pytest.raises(ValueError, match="has no option 'controlnet'"):
        load_inpainter(tmp_path / "brush", controlnet="somewhere")
    with pytest.raises(ValueError, match="device 'quantum' cannot be used"):
        SmartBrushPipeline.from_pretrained(tmp_path / "brush", device="quantum")
