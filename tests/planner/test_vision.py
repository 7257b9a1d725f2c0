"""The vision-language engine with a real LLaVA of random weights: loading, the question, bad answers, time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask.hub import ModelError, ModelMissingError
from smartmask.models.text import TextEncoder
from smartmask.pipelines.mask import BUNDLED
from smartmask.planner.given import GivenList
from smartmask.planner.interface import PlanState
from smartmask.planner.phrases import parse
from smartmask.planner.vision import VisionPlanner
from smartmask.scene import Scene

pytest.importorskip("transformers")
TEXT = TextEncoder.from_pretrained(BUNDLED / "text")
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {% for c in m.content %}"
    "{% if c.type == 'image' %}<image>\n{% else %}{{ c.text }}\n{% endif %}{% endfor %}{% endfor %}assistant: "
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved LLaVA whose tokens are letters."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    special = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
    vocabulary = {token: i for i, token in enumerate([*special, *map(chr, range(32, 127)), "\n"])}
    letters = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    letters.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = LlavaProcessor(
        image_processor=images, tokenizer=tokenizer, patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE,
    )  # fmt: skip
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14,
        projection_dim=16,
    )  # fmt: skip
    words = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=8192, bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=words, image_token_index=4))
    target = tmp_path_factory.mktemp("llava")
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return target


def state() -> PlanState:
    table = np.zeros((48, 64), bool)
    table[20:40, 10:60] = True
    return PlanState(Scene.empty(48, 64).insert(table, "table"), parse("a cup on a table", TEXT), ("table",))


def test_a_random_model_falls_back(folder: Path) -> None:
    told: list[str] = []
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList(), tell=told.append)
    assert planner.propose(state())[0].key == "cup"
    assert "The given planner goes on." in told[0]


def test_a_good_answer_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList())
    asked: list[dict[str, Any]] = []

    def answer(**inputs: Any) -> Any:
        import torch

        asked.append(inputs)
        said = planner.processor.tokenizer(json.dumps({"object": "cup", "why": "It is wanted."})).input_ids
        return torch.cat([inputs["input_ids"], torch.tensor([said])], dim=1)

    monkeypatch.setattr(planner.model, "generate", answer)
    (found,) = planner.propose(state())
    assert (found.key, found.why) == ("cup", "It is wanted.")
    assert asked[0]["pixel_values"].shape == (1, 3, 28, 28)
    words = planner.processor.batch_decode(asked[0]["input_ids"])[0]
    assert "Still wanted by the text: cup" in words
    assert asked[0]["max_time"] == planner.seconds


def test_time_runs_out(folder: Path) -> None:
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList(), seconds=0.0, tell=lambda _: None)
    assert planner.propose(state())[0].key == "cup"
    assert "took more than 0 s" in planner.notes[0]


def test_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither an existing folder"):
        VisionPlanner.from_pretrained(tmp_path / "none", TEXT, GivenList())
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        VisionPlanner.from_pretrained(tmp_path, TEXT, GivenList())
    with pytest.raises(ModelMissingError, match="not on this machine"):
        VisionPlanner.from_pretrained("no-such-owner/no-such-model", TEXT, GivenList())
