"""Floating-point operations of one sample or one picture through each network, counted on torch's meta device.

The networks are built by their real classes in their real sizes, and every matrix product, convolution and attention
that they call is counted with its shapes (``train/meter.py``); only the numbers are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from smartmask.insertion.smartbrush.network import PRECISION_FEATURES, extend_unet, new_layers
from smartmask.io.diffusion import add_lora
from smartmask.masks.latent.network import build_unet
from smartmask.masks.latent.presets import latent_preset
from smartmask.train.meter import count

CELLS, WORDS, WIDTH = 64, 77, 768  # of Stable Diffusion 1 at 512 px: latent cells a side, text states, their numbers
# stabilityai/stable-diffusion-xl-base-1.0: unet/config.json
SDXL: dict[str, Any] = {
    "sample_size": 128, "block_out_channels": (320, 640, 1280), "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20), "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
LAYERS: dict[str, Any] = {
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "hidden_size": 1024,
    "intermediate_size": 4096,
}
SAM: dict[str, Any] = {  # facebook/sam-vit-huge
    "hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "mlp_dim": 5120,
    "global_attn_indexes": [7, 15, 23, 31],
}  # fmt: skip


def operations(tokens: int, rank: int, lora_rank: int) -> dict[str, float]:
    """{network and pass: operations}.

    tokens: of the planner's question, picture and answer. rank: of its LoRA matrices; lora_rank: of SmartMask's.
    """
    with torch.device("meta"):
        return {**_latent(lora_rank), **_stable_diffusion(), **_brush(), **_planner(tokens, rank), **_judges()}


def _forward(call: Callable[[], Any]) -> float:
    with count() as counted, torch.no_grad():
        call()
    return counted.model


def _both_ways(call: Callable[[], torch.Tensor]) -> float:
    with count() as counted:
        call().sum().backward()
    return counted.model


def _asked(unet: Any, words: int = WORDS, width: int = WIDTH, side: int = CELLS, **more: Any) -> torch.Tensor:
    """A U-Net's answer to one latent."""
    latent = torch.empty(1, unet.config.in_channels, side, side)
    return unet(latent, torch.zeros(1), torch.empty(1, words, width), **more).sample


def _latent(rank: int) -> dict[str, float]:
    """SmartMask: twice the channels in, two texts; a sample is one pass there and back, two encodings and two texts."""
    unet = build_unet(latent_preset("sd15"))
    found = {
        "latent train": _both_ways(lambda: _asked(unet, 2 * WORDS)),
        "latent": _forward(lambda: _asked(unet, 2 * WORDS)),
    }
    add_lora(unet, rank, [unet.conv_in])
    return {**found, "latent lora": _both_ways(lambda: _asked(unet, 2 * WORDS))}


def _stable_diffusion() -> dict[str, float]:
    """Stable Diffusion 1.5 and what stands round it; SDXL at 1,024 px; the ControlNet of 1.5."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    preset = latent_preset("sd15")
    unet: Any = build_unet(preset, 4)
    vae: Any = AutoencoderKL(**preset.vae)
    text: Any = CLIPTextModel(CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768
    ))  # fmt: skip
    large: Any = UNet2DConditionModel(**SDXL, in_channels=9, out_channels=4)
    more: dict[str, Any] = {"text_embeds": torch.empty(1, 1280), "time_ids": torch.empty(1, 6)}
    control = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
    latent, states, hint = torch.empty(1, 4, CELLS, CELLS), torch.empty(1, WORDS, WIDTH), torch.empty(1, 3, 512, 512)
    return {
        "sd": _forward(lambda: _asked(unet)),
        "sdxl": _forward(lambda: _asked(large, WORDS, 2048, 128, added_cond_kwargs=more)),
        "control": _forward(lambda: control(latent, torch.zeros(1), states, hint)),
        "encode": _forward(lambda: vae.encode(torch.empty(1, 3, 512, 512))),
        "decode": _forward(lambda: vae.decode(torch.empty(1, 4, CELLS, CELLS))),
        "decode 1024": _forward(lambda: vae.decode(torch.empty(1, 4, 128, 128))),
        "text": _forward(lambda: text(input_ids=torch.zeros(1, WORDS, dtype=torch.long))),
    }


def _brush() -> dict[str, float]:
    """SmartBrush from a text-to-image base; a sample is one pass there and back, one encoding and one text."""
    unet = build_unet(latent_preset("sd15"), 4)
    extend_unet(unet)
    ask: dict[str, Any] = {"timestep_cond": torch.empty(1, PRECISION_FEATURES)}
    found = {"brush train": _both_ways(lambda: _asked(unet, **ask)), "brush": _forward(lambda: _asked(unet, **ask))}
    add_lora(unet, 16, new_layers(unet))
    return {**found, "brush lora": _both_ways(lambda: _asked(unet, **ask))}


def _planner(tokens: int, rank: int) -> dict[str, float]:
    """LLaVA 1.5 7B: LoRA on its language model, with a look at one picture."""
    from peft import LoraConfig, get_peft_model
    from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

    vision: Any = CLIPVisionModel(CLIPVisionConfig(**LAYERS, image_size=336, patch_size=14))
    language: Any = LlamaForCausalLM(LlamaConfig(vocab_size=32064))
    asked = torch.zeros(1, tokens, dtype=torch.long)
    look = _forward(lambda: vision(torch.empty(1, 3, 336, 336)))
    answer = _forward(lambda: language(input_ids=asked))
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    adapted: Any = get_peft_model(language, LoraConfig(r=rank, target_modules=targets))
    return {"planner train": look + _both_ways(lambda: adapted(input_ids=asked).logits), "planner": look + answer}


def _judges() -> dict[str, float]:
    """What scores or cuts a picture: CLIP ViT-L/14, SAM ViT-H's encoder at 1,024 px."""
    from transformers import CLIPVisionConfig, CLIPVisionModel, SamVisionConfig
    from transformers.models.sam.modeling_sam import SamVisionEncoder

    clip: Any = CLIPVisionModel(CLIPVisionConfig(**LAYERS, image_size=224, patch_size=14))
    config = SamVisionConfig(**SAM)
    config._attn_implementation = "eager"
    sam: Any = SamVisionEncoder(config)
    return {
        "clip": _forward(lambda: clip(torch.empty(1, 3, 224, 224))),
        "sam": _forward(lambda: sam(torch.empty(1, 3, 1024, 1024))),
    }
