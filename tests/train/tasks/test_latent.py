"""Training of the latent model: its pairs, its loss, a run that goes on to the same bits, the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from scipy.stats import binomtest
from tiny_diffusion import save_diffusion

from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.splits import in_share, split_of
from smartmask.geometry import box_mask, components, mask_box
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import parts
from smartmask.masks.latent.layout import ALPHA, Canvas
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.latent.palette import OUTSIDE_COLOUR
from smartmask.masks.model import MaskRequest
from smartmask.scene import Layer, Scene
from smartmask.scene.view import UNLABELED
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import VocabularyWords
from smartmask.train.settings import LatentTrainSettings
from smartmask.train.tasks.latent import latent_loss, train_latent
from smartmask.train.tasks.latent_frames import draw_frame
from smartmask.train.tasks.latent_pairs import KINDS, Drawing, LatentPairs, PairStream, pictures, some_layers, stacked

SIDE = 32


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED_TEXT)


@pytest.fixture(scope="module")
def source(pack: Pack, text: TextEncoder) -> LatentPairs:
    return LatentPairs(pack, text, SIDE)


def chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- pairs -----------------------------------------------------------------------------------------


def test_what_is_to_be_drawn_is_the_layout_with_the_object_white(source: LatentPairs, text: TextEncoder) -> None:
    kinds = set()
    for seed in range(40):
        pair, _ = source.pair(chance(seed))
        kinds.add(pair.kind)
        shown, target = pictures(pair, text)
        assert (target[pair.amodal] == 255).all()
        if pair.kind == "none":
            assert np.array_equal(shown[~pair.amodal], target[~pair.amodal])
        if pair.kind == "box":  # eq. 5 inside the box, the layout outside
            x0, y0, x1, y1 = pair.guides[0].extent(SIDE, SIDE)
            x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
            inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
            assert np.array_equal(shown[~inside & ~pair.amodal], target[~inside & ~pair.amodal])
            bare = target[inside & ~pair.amodal].astype(float)
            assert np.allclose(shown[inside & ~pair.amodal], bare * (1 - ALPHA) + 255 * ALPHA, atol=0.51)
    assert kinds == set(KINDS)
    assert sum(share for kind, share in KINDS.items() if kind in ("mask", "scribble")) == KINDS["none"]


def test_layers_in_front_are_not_in_the_layout(pack: Pack) -> None:
    scene = next(record.scene for record in pack if not record.modal and len(record.scene.layers) == 5)
    assert stacked(scene, 2, chance(0), shuffle=False).layers == scene.layers[:3]
    seen: dict[int, set[int]] = {2: set(), 4: set()}
    for index, counts in seen.items():
        for seed in range(40):
            made = stacked(scene, index, chance(seed), shuffle=True)
            assert made.layers[-1] is scene.layers[index]
            assert made.layers[:2] == scene.layers[:2]  # stuff stays
            counts.add(len(made.layers))
    assert seen == {2: {3, 4, 5}, 4: {3, 4, 5}}  # k is drawn, also of things that the annotation puts in front
    assert {len(some_layers(scene, chance(seed), shuffle=True).layers) for seed in range(40)} == {2, 3, 4, 5}


@pytest.mark.parametrize("frame", [0.0, 2.0])
def test_no_hole_looks_more_like_the_objects_than_another(source: LatentPairs, frame: float) -> None:
    """Without a guide neither a hole nor the frame may be the place: by size, height or nearness to the middle, the
    object's own box is picked among those of the other holes no better than by chance."""
    marks: dict[str, Callable[[np.ndarray], float]] = {
        "largest": lambda box: (box[2] - box[0]) * (box[3] - box[1]),
        "lowest": lambda box: box[3],
        "most central": lambda box: -abs(box[0] + box[2] - SIDE) - abs(box[1] + box[3] - SIDE),
    }
    hits: dict[str, list[bool]] = {name: [] for name in marks}
    framed = {0.0: source, frame: LatentPairs(source.pack, source.text, SIDE, drawing=Drawing(frame=frame))}
    for seed in range(1200):
        rng = chance(seed)
        target = source.pick(rng)
        scene = source.pack.scene(target.scene)
        box = mask_box(scene.layers[target.layer].mask) or (0, 0, 0, 0)
        seen = None
        if frame:
            seen = draw_frame(box, scene.height, scene.width, frame, rng)
        decoys = framed[frame].decoys(target, scene, rng, seen, frame > 0)
        assert 1 <= len(decoys) <= 3
        own = Canvas.of(scene, SIDE, seen).box(box)
        for name, mark in marks.items():
            scores = [mark(np.array(box)) + rng.uniform(0, 1e-9) for box in (own, decoys[0])]
            hits[name].append(scores[0] > scores[1])
    for name, found in hits.items():
        low, high = binomtest(int(np.sum(found)), len(found)).proportion_ci(0.98)  # three probes, 95 % together
        assert low <= 0.5 <= high, f"{name} hits {np.mean(found):.2f} of the time"


def test_the_layout_is_hidden_round_decoys_as_round_the_object(source: LatentPairs) -> None:
    modal = [pair for pair, _ in (source.pair(chance(seed), "none") for seed in range(30)) if pair.hidden.any()]
    assert len(modal) > 5
    assert any(len(components(pair.hidden)) > 1 for pair in modal)
    for pair in modal:
        assert pair.hidden[pair.amodal].mean() > 0.95
        assert (pair.view.top[pair.hidden] < 0).all()


def test_composed_pairs_hide_nothing_and_stand_in_front(pack: Pack, text: TextEncoder) -> None:
    source = LatentPairs(pack, text, SIDE, composed=1.0)
    made = [source.pair(chance(seed))[0] for seed in range(20)]
    composed = [pair for pair in made if pair.composed]
    assert len(composed) > 10
    for pair in composed:
        assert np.array_equal(pair.visible, pair.amodal)
        assert pair.order == len(pair.view.names)
    assert any((pair.view.top[pair.amodal] != UNLABELED).all() for pair in composed)


def test_texts_are_dropped_as_guidance_needs_it(source: LatentPairs) -> None:
    drawn = [source.draw(chance(seed)) for seed in range(600)]
    known = [pair for pair in drawn if pair.context or not pair.name]
    no_object = np.mean([not pair.name for pair in drawn])
    assert 0.1 < no_object < 0.2  # 5 % alone, 10 % with the context
    assert any(pair.name and pair.context for pair in known)
    assert any(not pair.name and pair.context for pair in drawn)
    assert any(not pair.name and not pair.context for pair in drawn)


def test_a_batch_is_made_of_its_number_alone(source: LatentPairs, text: TextEncoder) -> None:
    words = VocabularyWords(text)
    one, two = PairStream(source, words, 3, 5), PairStream(source, words, 3, 5)
    first = next(one)
    later = next(one)
    two.load_state_dict(one.state_dict() | {"position": 1})
    again = next(two)
    assert again.ids == later.ids != first.ids
    for name, value in later.tensors.items():
        assert torch.equal(again.tensors[name], value), name
    assert first.tensors["shown"].shape == (3, SIDE, SIDE, 3)
    assert first.tensors["objects"].shape == (3, 2, 128)
    assert any((first.tensors["shown"][i] == torch.tensor(OUTSIDE_COLOUR)).all(-1).any() for i in range(3))


def test_shares_of_the_data_are_nested_and_of_the_training_split_alone(pack: Pack, text: TextEncoder) -> None:
    found = {}
    for share in (30, 70, 100):
        source = LatentPairs(pack, text, SIDE, drawing=Drawing(share=share))
        found[share] = {pack.meta.keys[target.scene] for target in source.targets}
        hosts = {pack.meta.keys[i] for group in source.hosts for i in group}
        assert hosts <= {key for key in pack.meta.keys if split_of(key) == "train" and in_share(key, share)}
    assert found[30] < found[70] < found[100]
    assert all(split_of(key) == "train" for key in found[100])
    with pytest.raises(ValueError, match=r"no object to train on in 1 % of its dev split"):
        LatentPairs(pack, text, SIDE, "dev", drawing=Drawing(share=1))


def test_what_a_run_leaves_out_is_in_no_pair(pack: Pack, text: TextEncoder) -> None:
    plain = LatentPairs(pack, text, SIDE, drawing=Drawing(guides=False, context=False))
    assert {plain.pair(chance(seed))[0].kind for seed in range(20)} == {"none"}
    drawn = [plain.draw(chance(seed)) for seed in range(60)]
    assert not any(pair.context for pair in drawn)
    assert any(pair.name for pair in drawn)
    assert not all(pair.name for pair in drawn)
    told = LatentPairs(pack, text, SIDE, drawing=Drawing(drop=False))
    assert all(pair.name and pair.context for pair in (told.draw(chance(seed)) for seed in range(60)))


def test_a_name_that_is_in_one_picture_alone_has_decoys(tmp_path: Path, text: TextEncoder) -> None:
    """However often it is there: seven sheep of one picture are in no other."""
    records = []
    for key in [key for key in map(str, range(1, 60)) if split_of(key) == "train"][:2]:
        sheep = [box_mask((18 * i + 1, 20, 18 * i + 17, 40), 60, 130) for i in range(7)] if not records else []
        layers = [Layer("sheep", mask) for mask in sheep] or [Layer("dog", box_mask((20, 20, 60, 50), 60, 130))]
        records.append(Record(key, "voc", Scene(60, 130, tuple(layers)), modal=True))
    write_pack(records, tmp_path / "pack.parquet")
    source = LatentPairs(Pack(tmp_path / "pack.parquet"), text, SIDE, composed=0.0)
    target = next(target for target in source.targets if target.name == "sheep")
    assert source.decoys(target, records[0].scene, chance(0))


def test_a_split_without_objects_is_told(pack: Pack, text: TextEncoder) -> None:
    with pytest.raises(ValueError, match=r"no object to train on in its test split"):
        LatentPairs(pack, text, SIDE, "test")


# --- losses ----------------------------------------------------------------------------------------


class Knowing(torch.nn.Module):
    """A network that is told the clean latents and the noise, and gives what a scheduler wants of it."""

    def __init__(self, predicts: str, noising: Any, clean: torch.Tensor) -> None:
        super().__init__()
        self.predicts, self.noising, self.clean = predicts, noising, clean

    def forward(self, noisy: torch.Tensor, layout: Any, time: torch.Tensor, *texts: Any) -> torch.Tensor:
        level = self.noising.alphas_cumprod[time].view(-1, 1, 1, 1)
        noise = (noisy - level.sqrt() * self.clean) / (1 - level).sqrt()
        velocity = level.sqrt() * noise - (1 - level).sqrt() * self.clean
        return {"epsilon": noise, "sample": self.clean, "v_prediction": velocity}[self.predicts]


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
def test_the_loss_is_of_what_the_scheduler_predicts(source: LatentPairs, text: TextEncoder, predicts: str) -> None:
    from diffusers import DDPMScheduler

    made = parts.new("tiny", text)
    batch = PairStream(source, made.words, 2, 0)[0].tensors
    clean = made.codec.encode(batch["target"].permute(0, 3, 1, 2) / 127.5 - 1)
    noising = DDPMScheduler.from_config({**made.scheduler.config, "prediction_type": predicts})
    torch.manual_seed(0)
    assert float(latent_loss(Knowing(predicts, noising, clean), batch, made, noising)["loss"]) < 1e-3
    other = "epsilon" if predicts != "epsilon" else "sample"
    assert float(latent_loss(Knowing(other, noising, clean), batch, made, noising)["loss"]) > 0.1


# --- runs ------------------------------------------------------------------------------------------


def settings(pack: Pack, out: Path, **changes: Any) -> LatentTrainSettings:
    given = {"data": pack.path, "out": out, "steps": 4, "batch": 2, "save_every": 2}
    return LatentTrainSettings(**{**given, **changes})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preset tiny on a canvas of 32 pixels."""
    from smartmask.masks.latent import presets

    monkeypatch.setitem(presets.PRESETS, "tiny", replace(presets.PRESETS["tiny"], side=SIDE))


@pytest.mark.usefixtures("small")
def test_a_run_that_is_interrupted_goes_on_to_the_same_bits(
    pack: Pack, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    whole = train_latent(settings(pack, tmp_path / "whole", sample_every=4))
    stops_at(3)
    with pytest.raises(KeyboardInterrupt):
        train_latent(settings(pack, tmp_path / "parted"))
    stops_at(-1)
    parted = train_latent(settings(pack, tmp_path / "parted"))
    for file in ("unet/diffusion_pytorch_model.safetensors", "text_marks/model.safetensors"):
        assert (whole / file).read_bytes() == (parted / file).read_bytes(), file
    model = SmartMaskLatentModel.from_pretrained(whole)
    assert model.parts.settings.side == SIDE
    sheet = np.asarray(Image.open(tmp_path / "whole" / "samples" / "step_00000004.png"))
    assert sheet.shape[1] > 6 * 100
    with pytest.raises(ValueError, match="learning_rate"):
        train_latent(settings(pack, tmp_path / "parted", learning_rate=0.5))


def test_a_stable_diffusion_base_is_trained_a_step(pack: Pack, tmp_path: Path) -> None:
    base = save_diffusion("sd", tmp_path / "base")
    out = tmp_path / "run"
    folder = train_latent(settings(pack, out, preset="sd15", base=str(base), steps=1, learning_rate=1e-3, ema=0.0))
    before, after = (SmartMaskLatentModel.from_stable_diffusion(base), SmartMaskLatentModel.from_pretrained(folder))
    own, new = (model.parts.network.unet.conv_in.weight for model in (before, after))
    assert own.shape == new.shape == (8, 8, 3, 3)
    assert not own[:, 4:].any()
    assert new[:, 4:].any()
    assert after.parts.network.marks.marks.any()
    assert after.parts.scheduler.config.prediction_type == "epsilon"
    frozen, kept = (model.parts.codec.vae.state_dict() for model in (before, after))  # type: ignore[attr-defined]
    assert all(torch.equal(frozen[name], kept[name]) for name in frozen)


def test_lora_is_saved_as_an_adapter_and_merged(pack: Pack, tmp_path: Path) -> None:
    """Only matrices and new layers are trained and kept in checkpoints; what is loaded is the base and both."""
    base = save_diffusion("sd", tmp_path / "base")
    out = tmp_path / "run"
    given = {"preset": "sd15", "base": str(base), "lora": True, "rank": 2, "steps": 2, "learning_rate": 1e-2}
    folder = train_latent(settings(pack, out, **given, gradient_checkpointing=True, ema=0.5))
    kept = json.loads((out / "checkpoints" / "latent" / "step_00000002" / "state.json").read_text())
    names = {name for file in kept["files"] for name in file["tensors"] if name.startswith("network.")}
    assert all("lora" in name or "conv_in" in name or name == "network.marks.marks" for name in names)
    assert len(names) > 10
    merged = SmartMaskLatentModel.from_pretrained(folder).parts.network.unet.state_dict()
    plain = SmartMaskLatentModel.from_stable_diffusion(base).parts.network.unet.state_dict()
    assert merged.keys() == plain.keys()
    changed = {name for name in plain if not torch.equal(plain[name], merged[name])}
    assert all(any(part in name for part in ("to_q", "to_k", "to_v", "to_out", "conv_in")) for name in changed)
    matrices = load_file(out / "latent_adapter" / "pytorch_lora_weights.safetensors")
    name = next(name for name in changed if name.endswith("to_q.weight")).removesuffix(".weight")
    down, up = (next(v for k, v in matrices.items() if name in k and part in k) for part in ("lora_A", "lora_B"))
    assert torch.allclose(merged[f"{name}.weight"] - plain[f"{name}.weight"], up @ down, atol=1e-6)
    layers = load_file(out / "latent_adapter" / "layers.safetensors")
    assert torch.equal(layers["conv_in.weight"], merged["conv_in.weight"])
    with pytest.raises(ValueError, match="LoRA adapts a trained model; the preset 'tiny' has none"):
        train_latent(settings(pack, tmp_path, lora=True))


def test_a_model_of_the_presets_size_needs_no_base(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Preset sd15 with fewer channels, so that a test can train it; its whole size is counted."""
    from smartmask.masks.latent import presets

    whole = presets.PRESETS["sd15"]
    assert parts.describe(whole) == {"unet": 859_532_484, "vae": 83_653_863}
    unet = {**whole.unet, "block_out_channels": (8, 8, 8, 8), "attention_head_dim": 2, "norm_num_groups": 4,
            "cross_attention_dim": 16}  # fmt: skip
    vae = {**whole.vae, "block_out_channels": (4, 4, 4, 4), "norm_num_groups": 4}
    monkeypatch.setitem(presets.PRESETS, "sd15", replace(whole, side=64, unet={**unet, "sample_size": 8}, vae=vae))
    given = {"preset": "sd15", "random_weights": True, "steps": 2, "ema": 0.0}
    folder = train_latent(settings(pack, tmp_path / "run", **given, profile=True))
    assert SmartMaskLatentModel.from_pretrained(folder).parts.settings.side == 64
    told = json.loads((tmp_path / "run" / "profile.json").read_text())
    assert told["samples_a_step"] == 2
    assert told["model_tflop"] > 0
    assert "The floor is" in capsys.readouterr().out
    with pytest.raises(ValueError, match="'tiny' starts from random weights anyway; leave --random-weights out"):
        train_latent(settings(pack, tmp_path, random_weights=True))
    with pytest.raises(ValueError, match="Random weights have no base; leave --base x/y or --random-weights out"):
        train_latent(settings(pack, tmp_path, **given, base="x/y"))


def test_what_cannot_be_trained_is_told(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no preset 'sd3'; use sd15, sd21, tiny"):
        train_latent(settings(pack, tmp_path, preset="sd3"))
    with pytest.raises(ValueError, match="'tiny' starts from nothing; leave --base x/y out"):
        train_latent(settings(pack, tmp_path, base="x/y"))
    with pytest.raises(Exception, match=r"stable-diffusion-v1-5.*not on this machine"):
        train_latent(settings(pack, tmp_path, preset="sd15"))


def test_the_commands_train_a_model_and_ask_it(pack: Pack, tmp_path: Path) -> None:
    """As people do: two processes, the folder of the first is the second's weights."""

    def smartmask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "smartmask", *words], capture_output=True, text=True, cwd=tmp_path)

    short = "--steps", "1", "--batch", "1"
    done = smartmask("train", "latent", "--data", str(pack.path), "--out", "run", *short)
    assert done.returncode == 0, done.stderr
    assert "Trained: run/latent" in done.stdout
    Image.new("RGB", (80, 60)).save(tmp_path / "photo.png")
    asked = smartmask(
        "masks", "photo.png", "--object", "dog", "--weights", "run/latent", "--box", "10,10,60,50", "-n", "2",
        "--steps", "1", "--out", "found",
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert np.asarray(Image.open(tmp_path / "found" / "mask_01.png")).shape[:2] == (60, 80)
    wrong = smartmask("masks", "photo.png", "--object", "dog", "--weights", "run/latent/unet", "--out", "none")
    assert wrong.returncode == 2
    assert "has no model_index.json" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_scenes_of_every_shape_are_answered(text: TextEncoder) -> None:
    """One pixel high, and wider than the canvas has cells."""
    made = parts.new("tiny", text)
    model = SmartMaskLatentModel(replace(made, settings=replace(made.settings, side=32)))
    for height, width in ((1, 1), (3, 700), (700, 3)):
        found = model.suggest(Scene.empty(height, width), MaskRequest(object="dog", steps=1), (0,))[0]
        assert found.mask.shape == (height, width)
        assert found.mask.any()
