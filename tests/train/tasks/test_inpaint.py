"""SmartBrush's training: its crops, its loss on one sample, resuming, and the commands as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brushes import coco_folder
from safetensors.torch import load_file
from tiny_diffusion import save_diffusion
from torch.utils.data import default_collate

from smartmask.data.captions import Captions
from smartmask.data.splits import split_of
from smartmask.geometry import mask_box
from smartmask.image.files import load_photo
from smartmask.insertion.smartbrush.masked_diffusion import add_masked_noise
from smartmask.insertion.smartbrush.network import Parts
from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
from smartmask.io.package import BUNDLED_TEXT
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import VocabularyWords
from smartmask.train.settings import InpaintSettings
from smartmask.train.task import Batch
from smartmask.train.tasks import inpaint, inpaint_data
from smartmask.train.tasks.inpaint import start, train_inpaint, training_loss
from smartmask.train.tasks.inpaint_ablation import measure, variants
from smartmask.train.tasks.inpaint_data import (
    CropStream,
    describe,
    find_objects,
    make_sample,
    object_window,
    photo_sources,
)
from smartmask.train.tasks.inpaint_sheet import DevCrops

TEXT = BUNDLED_TEXT


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sets with a drawn COCO: 6 train and 3 dev photographs, a dog and a cat each."""
    return coco_folder(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def words() -> VocabularyWords:
    return VocabularyWords(TextEncoder.from_pretrained(TEXT))


def config(data: Path = Path(), out: Path = Path(), **changes: Any) -> InpaintSettings:
    settings = {"data": data, "out": out, "preset": "tiny", "steps": 4, "batch": 4, "learning_rate": 2e-3, "ema": 0.9,
                "workers": 0, "precision": "no", "save_every": 1000, "sample_every": 1000}  # fmt: skip
    return InpaintSettings(**{**settings, **changes})


def together(crops: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch of crops, each with a seed of its own."""
    return {**default_collate(crops), "chance": torch.arange(len(crops))}


def samples(data: Path, words: VocabularyWords, count: int, parts: Parts | None = None) -> list[dict[str, Any]]:
    """Crops of the first photograph's dog."""
    photo = find_objects(photo_sources(data), "train")[0]
    record = photo.job()
    assert record.image is not None
    from smartmask.image.files import load_photo

    pixels, rng = load_photo(record.image), np.random.default_rng(0)
    return [make_sample(record, pixels, photo.objects[0], 32, words, parts or Parts(), rng) for _ in range(count)]


# --- crops -----------------------------------------------------------------------------------------


def test_only_photographs_of_the_split_are_found(data: Path) -> None:
    for split, photos in (("train", 6), ("dev", 3)):
        found = find_objects(photo_sources(data), split)
        assert len(found) == photos
        assert all(split_of(photo.key) == split for photo in found)
    told = describe(find_objects(photo_sources(data), "train"))
    assert told["objects"] == 12
    assert told["names"] == {"dog": 6, "cat": 6}


def test_a_coco_folder_itself_is_data_too(data: Path) -> None:
    assert photo_sources(data / "coco") == [("coco_instances", data / "coco")]
    assert len(find_objects(photo_sources(data / "coco"), "train")) == 6


def test_data_without_the_split_or_the_sets_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no photograph .* in the test split"):
        find_objects(photo_sources(data), "test")
    with pytest.raises(ValueError, match="holds none of the sets pennfudan"):
        photo_sources(data, ["pennfudan"])
    with pytest.raises(ValueError, match="no format 'imagenet'"):
        photo_sources(data, ["imagenet"])


def test_crops_hold_what_they_say(data: Path, words: VocabularyWords) -> None:
    drawn = samples(data, words, 200)
    kinds = Counter()
    for sample in drawn:
        exact, coarse, s = sample["exact"][0], sample["coarse"][0], float(sample["precision"])
        assert sample["picture"].shape == (3, 32, 32)
        if not sample["single"]:
            assert coarse.all()
            kinds["whole"] += 1
            continue
        assert (coarse >= exact).all()
        assert mask_box(coarse) == mask_box(exact)
        kinds["exact" if s == 0 else "box" if s == 1 else "between"] += 1
        if s == 0:
            assert (coarse == exact).all()
        if s == 1:
            x0, y0, x1, y1 = (int(edge) for edge in mask_box(exact) or ())
            assert coarse[y0:y1, x0:x1].all()
        inside = sample["picture"][:, exact].astype(int)
        assert inside[0].mean() > 150 > inside[1].mean(), "the dog is red, and under its mask"
        kinds["caption" if sample["tokens"][1].any() else "name" if sample["tokens"][0].any() else "no text"] += 1
    assert 20 <= kinds["whole"] <= 60
    assert min(kinds["exact"], kinds["box"]) >= 15
    assert kinds["between"] > 50
    assert min(kinds["caption"], kinds["name"]) >= 45
    assert 4 <= kinds["no text"] <= 40


def test_parts_left_out_are_left_out(data: Path, words: VocabularyWords) -> None:
    plain = samples(data, words, 60, Parts(captions=False, multi_task=False))
    assert all(sample["single"] for sample in plain)
    assert not any(sample["tokens"][1].any() for sample in plain)


def test_a_models_captions_of_segments_take_the_names_place(
    data: Path, words: VocabularyWords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's alternation: the name, or the sentence about the segment; of the whole picture in crops of it all."""
    sources, file = photo_sources(data), tmp_path / "captions.jsonl"
    first = find_objects(sources, "train")[0].job()
    about = {"key": first.key, "source": first.source, "name": first.name}
    rows = [about | {"caption": "a green field"}, about | {"layer": 0, "object": "dog", "caption": "a red ball"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    photo = find_objects(sources, "train", Captions.read([file]))[0]
    record = photo.job()
    assert record.layer_captions == ("a red ball", "")
    assert record.captions == ("a green field", "a dog and a cat on grass")
    monkeypatch.setattr(inpaint_data, "CAPTIONED", 1.0)
    monkeypatch.setattr(inpaint_data, "DROP_TEXT", 0.0)
    assert record.image is not None
    pixels, rng = load_photo(record.image), np.random.default_rng(0)
    for item in photo.objects:
        said = {"dog": [("", "a red ball")], "cat": [("cat", text) for text in record.captions]}[item[1]]
        crop = make_sample(record, pixels, item, 32, words, Parts(multi_task=False), rng)
        assert any(np.array_equal(crop["tokens"], words.tokens(*one)) for one in said)
    monkeypatch.setattr(inpaint_data, "TEXT_TO_IMAGE", 1.0)
    crop = make_sample(record, pixels, photo.objects[0], 32, words, Parts(), rng)
    assert crop["tokens"].shape == words.tokens("", "x").shape
    assert any(np.array_equal(crop["tokens"], words.tokens("", text)) for text in record.captions)


def test_random_windows_hold_the_box_and_stay_in_the_photo() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        x0, y0 = rng.uniform(0, 80), rng.uniform(0, 50)
        box = (float(int(x0)), float(int(y0)), float(int(rng.uniform(x0 + 2, 97))), float(int(rng.uniform(y0 + 2, 65))))
        window = object_window(box, 64, 96, rng)
        assert 0 <= window.x0 <= box[0]
        assert box[2] <= window.x1 <= 96
        assert 0 <= window.y0 <= box[1]
        assert box[3] <= window.y1 <= 64


def test_a_stream_repeats_by_its_seed_and_goes_on_anywhere(data: Path, words: VocabularyWords) -> None:
    photos = find_objects(photo_sources(data), "train")

    def taken(
        seed: int, rank: int = 0, ranks: int = 1, batch: int = 8, workers: int = 0, first: int = 0, count: int = 24
    ) -> list[Batch]:
        stream = CropStream(photos, 32, words, Parts(), batch, seed, workers)
        stream.start(rank, ranks)
        stream.load_state_dict({"position": first})
        found = [next(stream) for _ in range(count - first)]
        stream.close()
        return found

    def same(one: list[Batch], two: list[Batch]) -> bool:
        return all(torch.equal(a.tensors[k], b.tensors[k]) for a, b in zip(one, two, strict=True) for k in a.tensors)

    whole = taken(1)  # 192 crops: in each of 32 lanes those of two photographs
    assert same(whole, taken(1))
    assert same(whole[5:], taken(1, first=5))
    assert not same(whole, taken(2))
    assert set(whole[0].ids[0].split()) & {"layer"}
    assert same(whole, taken(1, workers=2))
    assert same(whole[1::2], taken(1, 1, 2, count=12)), "a process's are every other of one alone"
    fours = taken(1, batch=4, count=48)
    pictures = [torch.cat([batch.tensors["picture"] for batch in batches]) for batches in (whole, fours)]
    assert torch.equal(*pictures), "however batches are cut"
    assert len(torch.unique(pictures[0].flatten(1), dim=0)) > 170


# --- the loss --------------------------------------------------------------------------------------


class Spy(torch.nn.Module):
    """Predicts zeros and keeps what it was told."""

    def forward(self, *told: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.noisy, self.time, self.mask, self.precision, self.words, self.masked, _ = told
        return torch.zeros_like(self.noisy), torch.zeros(self.mask.shape)


def spy_on(data: Path, words: VocabularyWords, parts: Parts) -> tuple[Spy, dict[str, torch.Tensor], torch.Tensor]:
    batch = together(samples(data, words, 12, parts))
    pipeline, spy = start(config(without=tuple(k for k, on in vars(parts).items() if not on))), Spy()
    losses = training_loss(spy, batch, pipeline)
    pixels = batch["picture"].float() / 127.5 - 1
    return spy, batch, (spy.noisy - pipeline.codec.encode(pixels)).abs() > 0 if len(losses) == 12 else losses


def test_noise_is_where_the_mask_is(data: Path, words: VocabularyWords) -> None:
    spy, _, differs = spy_on(data, words, Parts())
    assert not differs[~spy.mask.repeat(1, 3, 1, 1)].any()
    assert differs[spy.mask.repeat(1, 3, 1, 1)].float().mean() > 0.99
    _, _, everywhere = spy_on(data, words, Parts(mask_noise=False))
    assert everywhere.float().mean() > 0.99


def test_the_precision_is_told_or_not(data: Path, words: VocabularyWords) -> None:
    spy, batch, _ = spy_on(data, words, Parts())
    assert torch.equal(spy.precision, batch["precision"])
    spy, batch, _ = spy_on(data, words, Parts(precision=False))
    assert batch["precision"].any()
    assert not spy.precision.any()


def test_the_mask_head_counts_by_a_hundredth_and_not_in_whole_pictures(data: Path, words: VocabularyWords) -> None:
    batch = together([s for s in samples(data, words, 60) if s["single"]][:4])
    whole = together([s for s in samples(data, words, 60) if not s["single"]][:4])
    pipeline = start(config())

    def loss(which: dict[str, torch.Tensor], logit: float) -> torch.Tensor:
        class Says(Spy):
            def forward(self, *told: Any) -> tuple[torch.Tensor, torch.Tensor]:
                return torch.zeros_like(told[0]), torch.full(told[2].shape, logit)

        return training_loss(Says(), which, pipeline)

    gain = loss(batch, -50.0) - loss(batch, 50.0)
    share = batch["exact"].float().flatten(1).mean(1)
    assert torch.allclose(gain, 0.01 * 2 * share / (1 + share), atol=1e-5)
    assert torch.equal(loss(whole, -50.0), loss(whole, 50.0))


@pytest.mark.parametrize("kind", ["sd", "sd-inpaint", "sdxl"])
def test_stable_diffusion_trains_on_what_it_predicts(
    kind: str, data: Path, words: VocabularyWords, tmp_path: Path
) -> None:
    base = save_diffusion(kind, tmp_path / "base")
    pipeline = start(config(preset="sd", base=str(base)))
    photos = find_objects(photo_sources(data), "train")
    batch = next(CropStream(photos, 64, pipeline.words, Parts(), batch=2)).tensors
    losses = training_loss(pipeline.network, batch, pipeline)
    assert losses.shape == (2,)
    losses.mean().backward()
    assert pipeline.network.unet.conv_in.weight.grad is not None
    assert all(p.grad is None for p in pipeline.codec.vae.parameters())  # type: ignore[attr-defined]
    assert all(p.grad is None for p in pipeline.words.text_encoder.parameters())  # type: ignore[attr-defined]


def test_a_few_steps_on_one_crop_overfit_it(data: Path, words: VocabularyWords) -> None:
    """The loss falls to a third, and the mask of a box is found (IoU from the box's own to above .9)."""
    crop = next(s for s in samples(data, words, 60) if s["single"] and s["precision"] == 1 and s["tokens"].any())
    batch = together([crop] * 8)
    pipeline = start(config())
    optimizer = torch.optim.AdamW(pipeline.network.parameters(), lr=3e-3)
    pipeline.network.train()
    losses = []
    for step in range(260):
        batch["chance"] = torch.arange(8) + 8 * step
        loss = training_loss(pipeline.network, batch, pipeline).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) / 3, (losses[:3], losses[-3:])
    pipeline.network.eval()
    exact, picture = batch["exact"][:1], batch["picture"][:1]
    clean = pipeline.codec.encode(picture.float() / 127.5 - 1)
    mask = pipeline.codec.encode_mask(batch["coarse"][:1])
    time, noise = torch.tensor([0.3]), torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = add_masked_noise(clean, noise, time, mask.repeat(1, 3, 1, 1), pipeline.path)
    with torch.no_grad():
        _, logits = pipeline.network(noisy, pipeline.path.network_time(time), mask, torch.ones(1), batch["tokens"][:1])
    found = pipeline.codec.decode_mask((logits > 0).float()) > 0.5
    iou = (found & exact).sum() / (found | exact).sum()
    own = exact.sum() / batch["coarse"][:1].sum()
    assert iou > max(0.9, own.item() + 0.05), (iou, own)


# --- runs ------------------------------------------------------------------------------------------


def test_a_run_saves_samples_and_a_pipeline_and_resumes(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    folder = train_inpaint(config(data, out, steps=4, sample_every=2, save_every=2))
    assert (out / "samples" / "step_000002.png").is_file()
    first = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    again = train_inpaint(config(data, out, steps=6, save_every=2))
    state = json.loads((out / "checkpoints" / "smartbrush" / "step_00000006" / "state.json").read_text())
    assert state["step"] == 6
    assert state["stream"] == {"position": 6}
    second = load_file(again / "unet" / "diffusion_pytorch_model.safetensors")
    assert any(not torch.equal(first[name], second[name]) for name in first)
    SmartBrushPipeline.from_pretrained(again)


def test_a_resumed_run_without_budget_left_keeps_its_weights(data: Path, tmp_path: Path) -> None:
    folder = train_inpaint(config(data, tmp_path / "run", steps=2))
    before = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    after = load_file(
        train_inpaint(config(data, tmp_path / "run", steps=2)) / "unet" / "diffusion_pytorch_model.safetensors"
    )
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_interrupted_run_ends_where_a_whole_one_does(
    data: Path, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    """Also with crops made ahead by a process of its own, and sheets drawn in between."""
    changes = {"steps": 7, "save_every": 3, "sample_every": 2, "workers": 1}
    whole = train_inpaint(config(data, tmp_path / "whole", **changes))
    stops_at(5)
    with pytest.raises(KeyboardInterrupt):
        train_inpaint(config(data, tmp_path / "parts", **changes))
    stops_at(-1)
    parts = train_inpaint(config(data, tmp_path / "parts", **changes))
    name = "unet/diffusion_pytorch_model.safetensors"
    one, two = load_file(whole / name), load_file(parts / name)
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_lora_on_stable_diffusion_trains_and_saves_a_plain_unet(data: Path, tmp_path: Path) -> None:
    base = save_diffusion("sd-inpaint", tmp_path / "base")
    settings = config(data, tmp_path / "run", preset="sd", base=str(base), lora=True, rank=2, steps=2, batch=2)
    folder = train_inpaint(settings)
    names = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert not any("lora" in name for name in names)
    brush = SmartBrushPipeline.from_pretrained(folder)
    assert brush.settings.preset == "sd"
    assert brush.side == 64


def test_sdxl_is_trained_a_step_saved_loaded_and_asked(data: Path, tmp_path: Path) -> None:
    base = save_diffusion("sdxl-inpaint", tmp_path / "base")
    settings = config(data, tmp_path / "run", preset="sd", base=str(base), steps=1, batch=2)
    folder = train_inpaint(settings)
    before, after = SmartBrushPipeline.from_stable_diffusion(base), SmartBrushPipeline.from_pretrained(folder)
    assert (folder / "text_encoder_2" / "model.safetensors").is_file()
    changed = [not torch.equal(one, two) for one, two in zip(
        before.network.parameters(), after.network.parameters(), strict=True)]  # fmt: skip
    assert any(changed)
    mask = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    mask[..., 16:48, 16:48] = True
    pictures = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
    painted, probable = after.draw(pictures, mask, [1.0], [("dog", "")], [0], steps=2)
    again, _ = after.draw(pictures, mask, [1.0], [("dog", "")], [0], steps=2)
    other, _ = after.draw(pictures, mask, [1.0], [("cat", "")], [0], steps=2)
    assert torch.equal(painted, again)
    assert not torch.equal(painted, other)
    assert not probable[~mask].any()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"preset": "sd"}, "'sd' needs the folder"),
        ({"preset": "tiny", "base": "somewhere"}, "the base 'somewhere'"),
        ({"preset": "tiny", "lora": True}, "leave --lora out"),
        ({"preset": "huge"}, "no preset 'huge'"),
        ({"preset": "sd", "base": "nowhere"}, "base model 'nowhere' is neither an existing folder nor a hub name"),
    ],
)
def test_presets_and_bases_that_do_not_go_together(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        start(config(**settings))


def test_the_ablation_leaves_each_part_out_once() -> None:
    named = variants()
    assert len(named) == 6
    assert named["whole"] == Parts()
    for name, parts in list(named.items())[1:]:
        off = [key for key, on in vars(parts).items() if not on]
        assert [f"without {part}" for part in off] == [name]


def test_the_ablation_measures_the_box_where_no_mask_is_predicted(data: Path) -> None:
    crops = DevCrops(find_objects(photo_sources(data), "dev"), 32, 3)
    pipeline = start(config(without=("mask_prediction",)))
    pipeline.settings = replace(pipeline.settings, steps=2)
    figures = measure(pipeline, crops)
    assert figures["mask_iou_box"] == pytest.approx(figures["box_iou"])
    assert figures["background_kept"] == 0
    assert figures["background_change"] > 0


def run_cli(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smartmask", "train", *arguments], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_trains_and_saves_a_pipeline(data: Path, tmp_path: Path) -> None:
    done = run_cli("inpaint", "--preset", "tiny", "--data", str(data), "--out", "run", "--steps", "3", "--batch", "2",
                   "--workers", "0", "--precision", "no", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Trained: run/smartbrush" in done.stdout
    assert (tmp_path / "run" / "smartbrush" / "model_index.json").is_file()


@pytest.mark.slow
def test_the_ablation_command_writes_its_report(data: Path, tmp_path: Path) -> None:
    done = run_cli("inpaint-ablation", "--data", str(data), "--out", "run", "--steps", "2", "--batch", "2",
                   "--objects", "2", "--precision", "no", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "ablation.json").read_text())
    assert json.loads(done.stdout) == report
    assert list(report["variants"]) == list(variants())
    assert "says nothing of the paper's" in report["note"]


def test_bad_data_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    done = run_cli("inpaint", "--data", "nowhere", "--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_usable_objects_of_the_real_photographs(data_root: Path) -> None:
    told = describe(find_objects(photo_sources(data_root), "dev"))
    assert told["photos"] >= 50
    assert told["objects"] >= 200


def test_the_weight_is_the_papers() -> None:
    assert inpaint.DICE_WEIGHT == 0.01
