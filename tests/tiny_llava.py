"""A tiny LLaVA with random weights, for real loading and training code. Its tokens are letters; it knows nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {% for c in m.content %}"
    "{% if c.type == 'image' %}<image>\n{% else %}{{ c.text }}\n{% endif %}{% endfor %}{% endfor %}assistant: "
)


def letters(*special: str, **named: str) -> Any:
    """A tokenizer whose tokens are letters. special: further tokens, ids from 4 on; named: attributes that name one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    first = ["<unk>", "<s>", "</s>", "<pad>", *special]
    vocabulary = {token: i for i, token in enumerate([*first, *map(chr, range(32, 127)), "\n"])}
    rules = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    rules.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    rules.decoder = decoders.Fuse()
    rules.add_special_tokens(first)
    return PreTrainedTokenizerFast(
        tokenizer_object=rules, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        extra_special_tokens=named,
    )  # fmt: skip


def save_llava(folder: Path, spread: float = 1.0) -> Path:
    """A saved model and processor, pictures of 28 pixels.

    spread: of the last layer's weights; as they come, what is below it can hardly move the scores.
    """
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = letters("<image>", image_token="<image>")
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
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=8192, bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=words, image_token_index=4))
    model.lm_head.weight.data *= spread
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
