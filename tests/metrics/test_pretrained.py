"""Pretrained judges with tiny random folders: real classes, real loading, real errors; the figures mean nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from tiny_judges import save_clip, save_resnet, save_sam

from smartmask.geometry import box_mask
from smartmask.metrics.pretrained import BoxSegmenter, ClipScore, ImageFeatures

RNG = np.random.default_rng(0)
PICTURES = [
    RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 60), (64, 30), (32, 32))
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judges")
    save_clip(root / "clip")
    save_resnet(root / "resnet")
    save_sam(root / "sam")
    return root


@pytest.mark.parametrize(("name", "width"), [("resnet", 6), ("clip", 8)])
def test_features_depend_on_the_picture_alone(folders: Path, name: str, width: int) -> None:
    """CLIP's are its projected embedding (8 numbers), not the vision tower's 16."""
    features = ImageFeatures.from_pretrained(str(folders / name))
    found = features(PICTURES)
    assert found.shape == (3, width)
    assert found.dtype == np.float64
    assert len(np.unique(found.round(6), axis=0)) == 3
    np.testing.assert_allclose(features(PICTURES[1:2])[0], found[1], atol=1e-5)
    np.testing.assert_allclose(features([*PICTURES] * 6)[-3:], found, atol=1e-5)  # over several batches


def test_clip_scores_are_cosines_of_pairs(folders: Path) -> None:
    import torch

    clip = ClipScore.from_pretrained(str(folders / "clip"))
    names = ["dog", "a very long name of a thing " * 4, "dog"]
    scores = clip(PICTURES, names)
    assert scores.shape == (3,)
    assert (np.abs(scores) <= 1).all()
    inputs = clip.processor(text=["a photo of a dog"], images=[PICTURES[2]], return_tensors="pt")
    with torch.inference_mode():
        output = clip.model(**inputs)
    expected = float(torch.nn.functional.cosine_similarity(output.image_embeds, output.text_embeds))
    assert scores[2] == pytest.approx(expected, abs=1e-5)
    assert clip(PICTURES[:1], ["dog"])[0] == pytest.approx(scores[0], abs=1e-5)
    assert clip(PICTURES[:1], ["cat"])[0] != pytest.approx(scores[0], abs=1e-5)


def test_the_segmenter_answers_within_the_box(folders: Path) -> None:
    segmenter = BoxSegmenter.from_pretrained(str(folders / "sam"))
    for picture in PICTURES:
        height, width = picture.shape[:2]
        mask = segmenter(picture, (4.0, 6.0, 26.0, 30.0))
        assert mask.shape == (height, width)
        assert mask.dtype == np.bool_
        assert not (mask & ~box_mask((4, 6, 26, 30), height, width)).any()


def test_the_proposal_trusted_most_is_taken(folders: Path) -> None:
    import torch

    segmenter = BoxSegmenter.from_pretrained(str(folders / "sam"))

    class Known:
        """Three proposals: nothing, everything, nothing; the second is trusted most."""

        def __call__(self, **inputs: torch.Tensor) -> Known:
            logits = torch.full((1, 1, 3, 16, 16), -9.0)
            logits[:, :, 1] = 9.0
            self.pred_masks, self.iou_scores = logits, torch.tensor([[[0.1, 0.9, 0.5]]])
            return self

    segmenter.model = Known()
    box = (4.0, 6.0, 26.0, 30.0)
    np.testing.assert_array_equal(segmenter(PICTURES[0], box), box_mask(box, 40, 60))


@pytest.mark.parametrize("kind", [ImageFeatures, ClipScore, BoxSegmenter])
def test_a_missing_model_is_one_sentence(kind: type, tmp_path: Path) -> None:
    for name in (str(tmp_path / "nowhere"), str(tmp_path), "some-user/some-model"):
        with pytest.raises(ValueError, match=r"cannot be loaded \(.*\); give a folder") as told:
            kind.from_pretrained(name)  # type: ignore[attr-defined]
        assert "\n" not in str(told.value)


def test_a_model_of_another_kind_is_told(folders: Path) -> None:
    with pytest.raises(ValueError, match="ResNetModel, which does not read texts"):
        ClipScore.from_pretrained(str(folders / "resnet"))
    with pytest.raises(ValueError, match=r"segmenter .* cannot be loaded"):
        BoxSegmenter.from_pretrained(str(folders / "resnet"))


def test_pickled_weights_are_refused(folders: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    shutil.copytree(folders / "resnet", tmp_path / "pickled")
    state = AutoModel.from_pretrained(tmp_path / "pickled").state_dict()
    (tmp_path / "pickled" / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pickled" / "pytorch_model.bin")
    assert json.loads((tmp_path / "pickled" / "config.json").read_text())["model_type"] == "resnet"
    with pytest.raises(ValueError, match="safetensors"):
        ImageFeatures.from_pretrained(str(tmp_path / "pickled"))


def test_sam_2_is_refused_where_torchvision_is_not_there(tmp_path: Path) -> None:
    processor = {"processor_class": "Sam2Processor", "image_processor": {"image_processor_type": "Sam2ImageProcessor"}}
    (tmp_path / "processor_config.json").write_text(json.dumps(processor))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2"}))
    with pytest.raises(ValueError, match="works with torchvision only"):
        BoxSegmenter.from_pretrained(str(tmp_path))
