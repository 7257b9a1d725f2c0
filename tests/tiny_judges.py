"""Tiny random CLIP, ResNet and SAM folders: real classes and real loading, figures without meaning."""

from __future__ import annotations

from pathlib import Path


def save_clip(folder: Path) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

    torch.manual_seed(0)
    layers = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    text = {**layers, "vocab_size": 54, "max_position_embeddings": 32, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**layers, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    letters = [chr(97 + i) for i in range(26)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    size = {"height": 32, "width": 32}
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def save_resnet(folder: Path) -> Path:
    import torch
    from transformers import ResNetConfig, ResNetModel, ViTImageProcessorPil

    torch.manual_seed(0)
    ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 6], depths=[1, 1])).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_sam(folder: Path) -> Path:
    import torch
    from transformers import (
        SamConfig,
        SamImageProcessorPil,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    torch.manual_seed(0)
    vision = SamVisionConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=8, output_channels=8,
        num_pos_feats=4, window_size=2, global_attn_indexes=[0], mlp_dim=16,
    )  # fmt: skip
    prompts = SamPromptEncoderConfig(hidden_size=8, image_size=64, patch_size=8, mask_input_channels=4)
    decoder = SamMaskDecoderConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, mlp_dim=16, iou_head_hidden_dim=8, iou_head_depth=2
    )
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    SamModel(config).save_pretrained(folder)
    sizes = {"size": {"longest_edge": 64}, "mask_size": {"longest_edge": 16}}
    pads = {"pad_size": {"height": 64, "width": 64}, "mask_pad_size": {"height": 16, "width": 16}}
    SamProcessor(SamImageProcessorPil(**sizes, **pads)).save_pretrained(folder)
    return folder
