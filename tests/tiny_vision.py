"""Tiny vision-language models of other families than LLaVA, random weights, real classes. They know nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_llava import TEMPLATE, letters, save_llava

from smartmask.plan.planners.vision_models import pictures_only

WORDS = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 8192, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3,
}  # fmt: skip
EYES = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip


def save_qwen2_vl(folder: Path) -> Path:
    """Qwen2-VL: pictures in their own size, positions in three axes, patches of a batch in one list."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor

    eyes = {"depth": 1, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    processor = _qwen_processor(Qwen2VLProcessor)
    config = Qwen2VLConfig(text_config=_turning(processor), vision_config=eyes, **_QWEN_TOKENS)
    return _saved(folder, Qwen2VLForConditionalGeneration, config, processor)


def save_qwen25_vl(folder: Path) -> Path:
    """Qwen2.5-VL: attention in windows."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    eyes = {"depth": 1, "hidden_size": 16, "out_hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
            "patch_size": 14, "fullatt_block_indexes": [0], "window_size": 56}  # fmt: skip
    processor = _qwen_processor(Qwen2_5_VLProcessor)
    config = Qwen2_5_VLConfig(text_config=_turning(processor), vision_config=eyes, **_QWEN_TOKENS)
    return _saved(folder, Qwen2_5_VLForConditionalGeneration, config, processor)


_QWEN_TOKENS = {"vision_start_token_id": 4, "vision_end_token_id": 5, "image_token_id": 6, "video_token_id": 7}


def _turning(processor: Any) -> dict[str, Any]:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    return {**WORDS, "vocab_size": len(processor.tokenizer), "rope_parameters": rope}


def _qwen_processor(kind: Any) -> Any:
    from transformers import Qwen2VLImageProcessorPil

    tokenizer = letters("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    images = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56})
    spoken = TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
    return pictures_only(kind)(image_processor=images, tokenizer=tokenizer, chat_template=spoken)


def save_idefics3(folder: Path) -> Path:
    """Idefics3, as SmolVLM is built: the language model is called text_model, turns end with a token of their own."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )

    tokenizer = letters("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
    )
    processor = Idefics3Processor(image_processor=images, tokenizer=tokenizer, image_seq_len=1, chat_template=TEMPLATE)
    config = Idefics3Config(
        text_config={**WORDS, "model_type": "llama", "vocab_size": len(tokenizer)}, vision_config=EYES,
        image_token_id=4, scale_factor=2, pad_token_id=3,
    )  # fmt: skip
    return _saved(folder, Idefics3ForConditionalGeneration, config, processor, end=7)


def save_onevision(folder: Path) -> Path:
    """LLaVA-OneVision: a picture whole and in parts."""
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        LlavaOnevisionImageProcessorPil,
        LlavaOnevisionProcessor,
    )

    tokenizer, parts = letters("<image>", "<video>"), [[28, 28], [28, 56]]
    images = LlavaOnevisionImageProcessorPil(size={"height": 28, "width": 28}, image_grid_pinpoints=parts)
    processor = pictures_only(LlavaOnevisionProcessor)(
        image_processor=images, tokenizer=tokenizer, num_image_tokens=4, vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
    )  # fmt: skip
    config = LlavaOnevisionConfig(
        vision_config={**EYES, "model_type": "siglip_vision_model", "vision_use_head": False},
        text_config={**WORDS, "model_type": "qwen2", "vocab_size": len(tokenizer)}, image_token_index=4,
        video_token_index=5, image_grid_pinpoints=parts,
    )  # fmt: skip
    return _saved(folder, LlavaOnevisionForConditionalGeneration, config, processor)


def save_internvl(folder: Path) -> Path:
    """InternVL, as transformers holds it."""
    from transformers import (
        GotOcr2ImageProcessorPil,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
    )

    tokenizer = letters(
        "<img>", "</img>", "<IMG_CONTEXT>", "<video>", start_image_token="<img>", end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>", video_token="<video>",
    )  # fmt: skip
    images = GotOcr2ImageProcessorPil(size={"height": 28, "width": 28}, min_patches=1, max_patches=1)
    processor = pictures_only(InternVLProcessor)(
        image_processor=images, tokenizer=tokenizer, image_seq_length=1,
        chat_template=TEMPLATE.replace("<image>", "<IMG_CONTEXT>"),
    )  # fmt: skip
    config = InternVLConfig(
        vision_config={**EYES, "image_size": [28, 28], "patch_size": [14, 14]},
        text_config={**WORDS, "model_type": "qwen2", "vocab_size": len(tokenizer)}, image_token_id=6,
        downsample_ratio=0.5,
    )  # fmt: skip
    return _saved(folder, InternVLForConditionalGeneration, config, processor)


def _saved(folder: Path, kind: Any, config: Any, processor: Any, end: int = 2) -> Path:
    import torch

    torch.manual_seed(0)
    model = kind(config)
    model.lm_head.weight.data *= 20
    model.generation_config.eos_token_id = end
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "llava": lambda folder: save_llava(folder, 20), "qwen2_vl": save_qwen2_vl, "qwen2_5_vl": save_qwen25_vl,
    "idefics3": save_idefics3, "llava_onevision": save_onevision, "internvl": save_internvl,
}  # fmt: skip
