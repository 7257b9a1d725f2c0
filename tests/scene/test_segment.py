"""Photo to scene with real model classes on tiny random folders: loading, reading, caches, and each way to fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_segmenters import KINDS, NAMES, save_segmenter

from smartmask.errors import ModelMissingError, OutOfMemoryError
from smartmask.image.files import save_png
from smartmask.scene import Scene, photo, segment
from smartmask.scene.panoptic import MergeRule

pytest.importorskip("transformers")

PHOTO = np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)
LOOSE = MergeRule(score=0.3, share=0.0)  # random masks lie over each other, so that few keep their share


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_segmenter(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(folders["mask2former"], tmp_path / "model"))


@pytest.fixture(autouse=True)
def _forget() -> Any:
    segment._load.cache_clear()
    yield
    segment._load.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_each_family_gives_a_scene(kind: str, folders: dict[str, Path]) -> None:
    scene = photo.scene_from_image(PHOTO, folders[kind], rule=LOOSE)
    assert (scene.height, scene.width) == PHOTO.shape[:2]
    assert scene.photo is not None
    assert np.array_equal(scene.photo, PHOTO)
    assert scene.layers, "the queries name something, so there are layers"
    assert {layer.name for layer in scene.layers} <= set(NAMES.values())
    assert all(layer.thing == (layer.name in ("dog", "person")) for layer in scene.layers)
    assert np.sum([layer.mask for layer in scene.layers], axis=0).max() == 1
    again = photo.scene_from_image(PHOTO, folders[kind], rule=LOOSE)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(scene.layers, again.layers, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_lie_where_the_network_is_sure(kind: str, folders: dict[str, Path]) -> None:
    """The network run by hand on the processor's own picture: each layer lies where some query of its name is sure."""
    import torch

    scene = photo.scene_from_image(PHOTO, folders[kind], rule=LOOSE)
    model = segment._load(str(folders[kind].resolve()), None, "cpu", segment._stamp(folders[kind]))
    pixels = model.processor(images=PHOTO, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        classes, masks = segment._queries(model.network(pixel_values=pixels))
    masks = torch.nn.functional.interpolate(masks, PHOTO.shape[:2], mode="bilinear", align_corners=False)[0].sigmoid()
    labels = classes[0].argmax(-1)
    for layer in scene.layers:
        label = next(key for key, name in NAMES.items() if name == layer.name)
        sure = (masks[labels == label] >= 0.5 - 1e-4).any(0).numpy()
        assert sure[layer.mask].all()


def test_padding_is_cut_off() -> None:
    import torch

    masks = np.arange(2 * 4 * 8, dtype=np.float32).reshape(2, 4, 8)
    held = torch.zeros(32, 64, dtype=torch.int64)
    held[:24, :32] = 1
    assert np.array_equal(segment._without_padding(masks, held), masks[:, :3, :4])
    assert segment._without_padding(masks, None) is masks


def test_scene_from_image_reads_files(folders: dict[str, Path], tmp_path: Path) -> None:
    save_png(PHOTO, tmp_path / "photo.png")
    scene = Scene.from_image(tmp_path / "photo.png", folders["detr"])
    assert np.array_equal(scene.photo, PHOTO)
    assert scene.source == str(folders["detr"].resolve())


def test_models_stay_loaded_until_they_change(folder: Path) -> None:
    photo.scene_from_image(PHOTO, folder)
    photo.scene_from_image(PHOTO[:40], folder)
    assert segment._load.cache_info().misses == 1
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(key): f"new {name}" for key, name in NAMES.items()}
    config["label2id"] = {name: key for key, name in config["id2label"].items()}
    (folder / "config.json").write_text(json.dumps(config))
    changed = photo.scene_from_image(PHOTO, folder, rule=LOOSE)
    assert segment._load.cache_info().misses == 2
    assert all(layer.name.startswith("new ") for layer in changed.layers)


def test_the_models_own_things_win(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["thing_ids"] = [2, 3]
    (folder / "config.json").write_text(json.dumps(config))
    scene = photo.scene_from_image(PHOTO, folder, rule=LOOSE)
    assert scene.layers
    assert all(layer.thing == (layer.name not in ("dog", "person")) for layer in scene.layers)


def test_results_are_kept_by_picture_model_and_rule(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = photo.scene_from_image(PHOTO, folders["detr"], rule=LOOSE, cache=cache)
    assert len(list(cache.iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(segment, "_load", lambda *_: pytest.fail("the model was loaded again"))
        again = photo.scene_from_image(PHOTO, folders["detr"], rule=LOOSE, cache=cache)
    assert [layer.name for layer in again.layers] == [layer.name for layer in first.layers]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first.layers, again.layers, strict=True))
    assert np.array_equal(again.photo, PHOTO)
    photo.scene_from_image(PHOTO[::-1], folders["detr"], rule=LOOSE, cache=cache)
    photo.scene_from_image(PHOTO, folders["detr"], cache=cache)
    photo.scene_from_image(PHOTO, folders["maskformer"], rule=LOOSE, cache=cache)
    assert len(list(cache.iterdir())) == 4


# --- errors --------------------------------------------------------------------------------------


def refused(model: str | Path, *words: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind) as caught:
        photo.scene_from_image(PHOTO, model)
    text = str(caught.value)
    assert "\n" not in text
    for word in (Path(model).name, *words):
        assert word in text, text


def test_a_wrong_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere" / "at" / "all", "neither an existing folder nor a hub name")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "is a file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "lacks config.json")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file(name: str, folder: Path) -> None:
    (folder / name).unlink()
    refused(folder, f"lacks {name}")


def test_another_kind_of_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    refused(folder, "'bert'", "mask2former")


def test_damaged_files(folder: Path, folders: dict[str, Path]) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:1000])
    refused(folder, "cannot be loaded")
    (folder / "model.safetensors").write_bytes((folders["detr"] / "model.safetensors").read_bytes())
    refused(folder, "weights lack")
    (folder / "config.json").write_text("{")
    refused(folder, "cannot be read")


def test_a_lost_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, "lacks model-00002-of-00002.safetensors")


def test_pickles_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "pickled", "pytorch_model.bin")


def test_classes_without_names(tmp_path: Path) -> None:
    refused(save_segmenter("mask2former", tmp_path / "nameless", names=None), "names no class")


def test_a_hub_name_that_is_not_here() -> None:
    words = ("hf download someone/panoptic", "--layout", "HF_HUB_OFFLINE")
    refused("someone/panoptic", *words, kind=ModelMissingError)


def test_the_default_says_what_to_fetch() -> None:
    with pytest.raises(ModelMissingError, match=f"hf download {segment.DEFAULT_MODEL}"):
        photo.scene_from_image(PHOTO)


# --- a photo alone -------------------------------------------------------------------------------


@pytest.fixture
def fetched(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default model as an earlier download leaves it in the cache."""
    model = tmp_path / f"models--{segment.DEFAULT_MODEL.replace('/', '--')}"
    folder = Path(shutil.copytree(folders["mask2former"], model / "snapshots" / "0123abcd"))
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0123abcd")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return folder


def test_a_photo_alone_is_an_unlabeled_scene_with_a_note() -> None:
    scene, (note,) = photo.scene_of_photo(PHOTO)
    assert (scene.height, scene.width, scene.layers) == (50, 80, ())
    assert scene.photo is not None
    assert np.array_equal(scene.photo, PHOTO)
    assert Scene.from_image(PHOTO).layers == ()
    for word in ("unlabeled", "--layout", f"hf download {segment.DEFAULT_MODEL}"):
        assert word in note
    with pytest.raises(ValueError, match="The photo has shape"):
        photo.scene_of_photo(PHOTO[..., 0])


def test_a_named_model_that_is_not_here_is_an_error() -> None:
    with pytest.raises(ModelMissingError, match="hf download someone/panoptic"):
        photo.scene_of_photo(PHOTO, "someone/panoptic")


def test_what_was_fetched_earlier_reads_the_photo(fetched: Path) -> None:
    scene, notes = photo.scene_of_photo(PHOTO)
    assert notes == ()
    assert scene.source == segment.DEFAULT_MODEL
    expected = photo.scene_from_image(PHOTO, fetched)
    assert [layer.name for layer in scene.layers] == [layer.name for layer in expected.layers]
    assert Scene.from_image(PHOTO).source == segment.DEFAULT_MODEL


def test_an_interrupted_download_or_no_transformers_is_no_model_at_hand(
    fetched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert segment.fetched_model() == fetched
    monkeypatch.setattr(segment.importlib.util, "find_spec", lambda name: None)
    assert segment.fetched_model() is None
    monkeypatch.undo()
    (fetched / "model.safetensors").unlink()
    assert segment.fetched_model() is None


def test_a_network_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))
    monkeypatch.setattr(segment, "_load", lambda *_: pytest.fail("a model was loaded"))
    assert photo.scene_of_photo(PHOTO)[1]


def test_transformers_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    refused(folder, "pip install smartmask[insert]", "--layout", kind=ModelMissingError)


@pytest.mark.parametrize("text", ["torch", "python", "allocator"])
def test_out_of_memory(text: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    error = {
        "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        "python": MemoryError(),
        "allocator": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    }[text]

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(segment, "_queries", fail)
    with pytest.raises(OutOfMemoryError, match=r"not enough memory.*80x50"):
        photo.scene_from_image(PHOTO, folders["detr"])


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), dtype=np.uint8)])
def test_photos_are_checked(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="The photo has shape"):
        photo.scene_from_image(pixels, "no/matter")


# --- the command ---------------------------------------------------------------------------------


def run(*line: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "smartmask", *line], capture_output=True, text=True, env=environment, timeout=250
    )


@pytest.mark.slow
def test_masks_of_a_photo_alone(folders: dict[str, Path], tiny_weights: Path, tmp_path: Path) -> None:
    save_png(PHOTO, tmp_path / "photo.png")
    done = run(
        "masks", str(tmp_path / "photo.png"), "--segmenter", str(folders["mask2former"]), "--object", "dog",
        "-n", "2", "--weights", str(tiny_weights), "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = photo.scene_from_image(PHOTO, folders["mask2former"])
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["layers"] == [layer.name for layer in expected.layers]
    assert (tmp_path / "out" / "mask_01.png").is_file()


@pytest.mark.slow
def test_exit_codes(folders: dict[str, Path], tmp_path: Path) -> None:
    save_png(PHOTO, tmp_path / "photo.png")
    line = ["masks", str(tmp_path / "photo.png"), "--object", "dog", "--out", str(tmp_path / "out")]
    missing = run(*line, "--segmenter", "someone/panoptic")
    assert missing.returncode == 1, missing.stderr
    assert "hf download someone/panoptic" in missing.stderr
    wrong = run(*line, "--segmenter", str(tmp_path))
    assert wrong.returncode == 2, wrong.stderr
    assert "lacks config.json" in wrong.stderr
    assert "Traceback" not in missing.stderr + wrong.stderr
    assert not (tmp_path / "out").exists()
