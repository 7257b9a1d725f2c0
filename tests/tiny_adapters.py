"""LoRAs and IP-Adapters for the tiny Stable Diffusion folders, in their files' real formats; weights random."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save_lora(pipeline_folder: Path, folder: Path, name: str = "pytorch_lora_weights.safetensors") -> Path:
    """A LoRA for the U-Net or transformer of a saved pipeline, written by the pipeline's own class."""
    import torch
    from diffusers import DiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipeline = DiffusionPipeline.from_pretrained(pipeline_folder)
    part = "unet" if hasattr(pipeline, "unet") else "transformer"
    network = getattr(pipeline, part)
    network.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]))
    state = get_peft_model_state_dict(network)
    generator = torch.Generator().manual_seed(5)
    state = {key: torch.randn(value.shape, generator=generator) for key, value in state.items()}
    type(pipeline).save_lora_weights(folder, **{f"{part}_lora_layers": state}, weight_name=name)
    return folder / name


def save_ip_adapter(unet: Any, folder: Path) -> Path:
    """An IP-Adapter for a U-Net and its image encoder, laid as on the hub: a file, and ``image_encoder`` beside it.

    The file has the linear projection of the first adapters (arXiv 2308.06721): four words a picture.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(6)
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8,
        projection_dim=16,
    )  # fmt: skip
    encoder = CLIPVisionModelWithProjection(config)
    encoder.save_pretrained(folder / "image_encoder")
    width, words = int(unet.config.cross_attention_dim), 4
    tensors = {
        "image_proj.proj.weight": torch.randn(words * width, 16),
        "image_proj.proj.bias": torch.zeros(words * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    number = 1
    for name in unet.attn_processors:
        if "attn2" in name:
            module: Any = unet.get_submodule(name.removesuffix(".processor"))
            inner = module.to_k.out_features
            tensors[f"ip_adapter.{number}.to_k_ip.weight"] = torch.randn(inner, width)
            tensors[f"ip_adapter.{number}.to_v_ip.weight"] = torch.randn(inner, width)
            number += 2
    save_file(tensors, folder / "ip-adapter_tiny.safetensors")
    return folder / "ip-adapter_tiny.safetensors"
