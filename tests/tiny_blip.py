"""A tiny BLIP with random weights, for real loading and captioning code. It says words, and they mean nothing."""

from __future__ import annotations

from pathlib import Path

WORDS = ("a", "dog", "cat", "on", "the", "grass", "red", "bus", "of", "photo", "in", "front", "two", "tree", "sky")


def save_blip(folder: Path, seed: int = 0) -> Path:
    """A saved model and processor, pictures of 32 pixels."""
    import torch
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipProcessor,
    )

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    tokenizer = BertTokenizer(vocab=vocabulary, bos_token="[DEC]")
    processor = BlipProcessor(BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer)
    torch.manual_seed(seed)
    text = dict(
        vocab_size=len(vocabulary), hidden_size=16, encoder_hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, projection_dim=16, max_position_embeddings=64, bos_token_id=vocabulary["[DEC]"],
        pad_token_id=0, eos_token_id=vocabulary["[SEP]"], sep_token_id=vocabulary["[SEP]"],
    )  # fmt: skip
    vision = dict(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16,
        projection_dim=16,
    )  # fmt: skip
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision, projection_dim=16))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:  # what is said is of the picture: what it was before counts little
                weight.normal_(0, 0.05 if "embeddings.word" in name or "text_decoder.bert.embeddings" in name else 1)
        # special tokens are never said, so that there is something to read
        model.text_decoder.cls.predictions.bias[: len(special)] = -100
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
