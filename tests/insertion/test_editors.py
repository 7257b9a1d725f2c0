"""Editors by instruction: a real class, tiny and random; what is no editor is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smartmask.errors import ModelError
from smartmask.insertion.editors import InstructionEditor, instruction_for


def test_instructions_name_the_object() -> None:
    assert instruction_for("dog") == "add a dog"
    assert instruction_for("elephant") == "add an elephant"


def test_what_is_no_editor_is_told(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(ModelError, match=r"is a StableDiffusionPipeline; give one of StableDiffusionInstructPix2Pix"):
        InstructionEditor.from_pretrained(tmp_path)
    (tmp_path / "model_index.json").unlink()
    with pytest.raises(ModelError, match=r"lacks model_index\.json"):
        InstructionEditor.from_pretrained(tmp_path)
    with pytest.raises(ModelError, match="neither an existing folder nor a hub name"):
        InstructionEditor.from_pretrained("no such/folder/here")


@pytest.mark.slow
def test_a_photograph_is_edited_at_its_own_size(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tiny_diffusion import save_diffusion
    from tiny_papers import save_editor

    folder = save_editor(save_diffusion("sd", tmp_path / "plain"), tmp_path / "editor")
    editor = InstructionEditor.from_pretrained(folder)
    assert editor.side == 64
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    first, again, other = (editor(photo, "add a dog", seed=seed, steps=2) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == ((50, 70, 3), np.uint8)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (editor(photo, "add a cat", seed=1, steps=2) != first).any()
