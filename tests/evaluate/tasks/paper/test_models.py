"""Lists of models: by file and by folder, their cards, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smartmask.evaluate.tasks.paper.models import BUNDLED, Model, first_words, read_models


def saved(folder: Path, index: dict[str, object], name: str = "model_index.json", card: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(index))
    if card:
        (folder / "README.md").write_text(card)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One folder a role, as index and config files tell them apart."""
    root = tmp_path / "models"
    saved(root / "inpaint", {"_class_name": "StableDiffusionXLInpaintPipeline"}, card="# A\n\nA tiny random model.\n")
    saved(root / "brush", {"_class_name": "SmartBrushPipeline"})
    saved(root / "drawer", {"_class_name": "SmartMaskLatentModel"})
    saved(root / "edit", {"_class_name": "StableDiffusionInstructPix2PixPipeline"})
    saved(root / "fill", {"_class_name": "FluxFillPipeline"})
    saved(root / "unknown", {"_class_name": "AudioLDMPipeline"})
    saved(root / "plain", {"_class_name": "StableDiffusionPipeline"})
    for name, width in (("plain/unet", 32), ("control", 32), ("other", 64)):
        kind = "ControlNetModel" if "/" not in name else "UNet2DConditionModel"
        config = {"_class_name": kind, "cross_attention_dim": width, "block_out_channels": [8]}
        saved(root / name, config, "config.json")
    saved(root / "sam", {"architectures": ["SamHQModel"]}, "config.json")
    saved(root / "clip", {"architectures": ["CLIPModel"]}, "config.json")
    saved(root / "vit", {"architectures": ["ViTModel"]}, "config.json")
    saved(root / "notes", {"nothing": "of a model"}, "other.json")
    return root


def test_a_folder_is_read_by_its_classes(folder: Path) -> None:
    roster = read_models(folder)
    roles = {model.name: model.role for model in roster.models}
    assert roles == {
        "drawer": "masks", "brush": "inserters", "inpaint": "inserters", "fill": "inserters", "edit": "editors",
        "plain": "pictures", **dict.fromkeys(("plain, blended", "plain, repaint"), "inserters"),
        "sam": "segmenters", "clip": "clip", "vit": "features",
    }  # fmt: skip
    assert next(model for model in roster.models if model.name == "plain, repaint").options == {"method": "repaint"}
    (plain,) = roster.of("pictures")
    assert plain.options == {"controlnet": str(folder / "control")}, "the ControlNet of its own width"
    random = {model.name: model.random for model in roster.models}
    assert random == {**dict.fromkeys(roles, False), "inpaint": True}


def test_the_bundled_masks_are_there_unless_others_are(folder: Path, tmp_path: Path) -> None:
    (folder / "drawer" / "model_index.json").unlink()
    assert read_models(folder).of("masks")[0].path == BUNDLED


def test_a_file_names_models_beside_it_and_on_the_hub(folder: Path) -> None:
    (folder / "models.yaml").write_text(
        "inserters:\n  SD Inpaint: inpaint\n  Blended: {path: owner/model, method: blended, controlnet: control}\n"
        "features: {ViT: vit}\n"
    )
    roster = read_models(folder)
    assert [model.name for model in roster.models] == ["SmartMask", "SD Inpaint", "Blended", "ViT"]
    blended = roster.of("inserters")[1]
    assert blended.path == "owner/model"
    assert blended.options == {"method": "blended", "controlnet": str(folder / "control")}
    assert roster.one("features") is not None
    assert roster.one("clip") is None
    elsewhere = folder.parent / "list.json"
    elsewhere.write_text(json.dumps({"clip": {"CLIP": "models/clip"}}))
    assert read_models(elsewhere).of("clip")[0].kind == "CLIPModel"


def test_another_version_is_another_model(folder: Path) -> None:
    def identity(name: str) -> str:
        return next(model.identity for model in read_models(folder).models if model.name == name)

    before, brush = identity("inpaint"), identity("brush")
    file = folder / "inpaint" / "model_index.json"
    os.utime(file, ns=(1, 1))
    assert identity("inpaint") != before
    assert identity("brush") == brush
    (folder / "brush" / "README.md").write_text("Another card is not another model.")
    assert identity("brush") == brush


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("painters: {a: b}", "role 'painters'"),
        ("inserters: [a]", "no text, number"),
        ("inserters: {a: {steps: 3}}", "path None"),
        ("inserters: {a: b", "cannot be read"),
        ("[]", "no list of 'name: value'"),
        ("clip: {a: x/y, b: x/z}", r"2 models for clip \(a, b\)"),
    ],
)
def test_wrong_lists_are_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_models(tmp_path / "models.yaml")


def test_no_models_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no model"):
        read_models(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        read_models(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("card", "random"),
    [
        ("A tiny random pipeline.", True),
        ("---\nlicense: mit\n---\n# Title\n\nThe weights are fine.", False),
        ("Initialised with random weights.", True),
        ("Random crops of photographs were used; the model was trained for a week.", False),
        ("An untrained network of this class.", True),
    ],
)
def test_cards_say_what_is_random(tmp_path: Path, card: str, random: bool) -> None:
    root = saved(tmp_path / "models" / "m", {"_class_name": "SmartBrushPipeline"}, card=card).parent
    (model,) = read_models(root).of("inserters")
    assert model.random is random
    assert model.card == card.splitlines()[-1]


def test_cards_are_cut(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Title\n![badge](x)\n" + "long " * 100)
    assert first_words(tmp_path).endswith("…")
    assert len(first_words(tmp_path)) <= 160
    assert first_words(tmp_path / "none") == ""
    assert Model("a", "clip", "b").as_dict()["card"] == ""
