"""Tiny Stable Diffusion folders with random weights, for real loading code. What they paint is noise.

``save_diffusion("sd-inpaint", folder)`` and ``save_controlnet("sd", folder)`` write what hub downloads hold:
model_index.json and a subfolder a component. A picture is 64 pixels wide, eight to a latent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

KINDS = ("sd-inpaint", "sd", "sdxl-inpaint", "sdxl")
SIDE = 64
_WIDTH = 32  # of each text encoder


def save_diffusion(kind: str, folder: Path, width: int = _WIDTH) -> Path:
    """A saved pipeline of the kind; ``width`` is the text encoders' width, which ControlNets have to match."""
    import torch

    torch.manual_seed(0)
    _pipeline(kind, width).save_pretrained(folder)
    return folder


def save_controlnet(family: str, folder: Path, width: int = _WIDTH) -> Path:
    """A saved ControlNet for "sd" or "sdxl", with an output that is not zero, so that it matters."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(1)
    controlnet = ControlNetModel(**_blocks(family, width), conditioning_embedding_out_channels=(8, 8, 8, 8))
    with torch.no_grad():
        for block in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
            block.weight.normal_(0, 1)
        controlnet.controlnet_cond_embedding.conv_out.weight.normal_(0, 1)
    controlnet.save_pretrained(folder)
    return folder


def _pipeline(kind: str, width: int) -> Any:
    import diffusers
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    family, _, inpaint = kind.partition("-")
    unet = diffusers.UNet2DConditionModel(**_blocks(family, width), in_channels=9 if inpaint else 4, sample_size=8,
                                          up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=[8] * 4, layers_per_block=1, norm_num_groups=4, sample_size=SIDE,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )  # fmt: skip
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip
    parts = {"unet": unet, "vae": vae, "scheduler": scheduler, "tokenizer": clip_tokenizer()}
    if family == "sd":
        parts["text_encoder"] = CLIPTextModel(clip_text(width))
        cls = diffusers.StableDiffusionInpaintPipeline if inpaint else diffusers.StableDiffusionPipeline
        return cls(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    parts |= {
        "text_encoder": CLIPTextModel(clip_text(width)),
        "text_encoder_2": CLIPTextModelWithProjection(clip_text(width)),
        "tokenizer_2": clip_tokenizer(),
    }
    cls = diffusers.StableDiffusionXLInpaintPipeline if inpaint else diffusers.StableDiffusionXLPipeline
    return cls(**parts)


def _blocks(family: str, width: int) -> dict[str, Any]:
    """What a U-Net and its ControlNet share."""
    shared: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": width,
    }
    if family == "sdxl":
        shared |= {
            "cross_attention_dim": 2 * width,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": width + 6 * 8,
            "use_linear_projection": True,
        }
    return shared


def clip_text(width: int) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=_VOCABULARY_SIZE, hidden_size=width, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, projection_dim=width, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip


_LETTERS = "abcdefghijklmnopqrstuvwxyz,"
_VOCABULARY_SIZE = 2 + 2 * len(_LETTERS)


def clip_tokenizer() -> Any:
    """One token a letter: every prompt is a different one."""
    from transformers import CLIPTokenizer

    words = ["<|startoftext|>", "<|endoftext|>", *_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    return CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=77)
