"""Tiny folders of the transformer families (Stable Diffusion 3, FLUX, Qwen-Image, Z-Image), weights random.

``save_flow("flux-fill", folder)`` writes what a hub download holds, for the real loading code. What they paint is
noise. A picture is 64 pixels wide, eight to a latent, but for Qwen-Image's own VAE.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_diffusion import SIDE, clip_text, clip_tokenizer

FLOW_KINDS = (
    "sd3", "flux", "flux-fill", "flux-kontext", "flux2-klein", "qwen-image", "z-image",
)  # fmt: skip
WIDTH = 32
_CHANNELS = 4  # of the latent
_KLEIN_LAYERS = 28  # its pipeline reads the states of layers 9, 18 and 27


def save_flow(kind: str, folder: Path) -> Path:
    """A saved pipeline of the kind."""
    import torch

    torch.manual_seed(0)
    pipeline = _MAKERS[kind]()
    for network in pipeline.components.values():
        for name, value in getattr(network, "named_parameters", lambda: ())():
            if name.endswith("pad_token"):  # Z-Image's are made of memory as it was
                torch.nn.init.ones_(value)
    pipeline.save_pretrained(folder)
    return folder


def _vae(channels: int = _CHANNELS, **settings: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=[8] * 4, layers_per_block=1, norm_num_groups=4, sample_size=SIDE, latent_channels=channels,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False, **settings,
    )  # fmt: skip


def _scheduler(**settings: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**settings)


def _t5() -> dict[str, Any]:
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    config = T5Config(vocab_size=64, d_model=WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz,"]
    return {"text_encoder": T5EncoderModel(config).eval(), "tokenizer": T5Tokenizer(vocab=pieces, extra_ids=0)}


def _clip(projects: bool = False) -> dict[str, Any]:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    kind = CLIPTextModelWithProjection if projects else CLIPTextModel
    return {"text_encoder": kind(clip_text(WIDTH)), "tokenizer": clip_tokenizer()}


def _numbered(number: int, parts: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_{number}": part for name, part in parts.items()}


_TURN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


def _qwen_tokenizer() -> Any:
    """A token a byte, and those that Qwen's pipelines and models name."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    words = [*bytes_to_unicode().values(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words += ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = Qwen2Tokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": words[257:]})
    tokenizer.chat_template = _TURN
    return tokenizer


def _qwen3(layers: int, whole: bool) -> dict[str, Any]:
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

    config = Qwen3Config(
        hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=layers, num_attention_heads=2, head_dim=16,
        num_key_value_heads=2, vocab_size=300, max_position_embeddings=1024,
    )  # fmt: skip
    return {"text_encoder": (Qwen3ForCausalLM if whole else Qwen3Model)(config), "tokenizer": _qwen_tokenizer()}


def _sd3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=2 * WIDTH, caption_projection_dim=32, pooled_projection_dim=2 * WIDTH,
        out_channels=16,
    )  # fmt: skip
    parts = _clip(True) | _numbered(2, _clip(True))
    parts |= {"text_encoder_3": None, "tokenizer_3": None}  # as many folders have it: T5 is the largest part
    return StableDiffusion3Pipeline(transformer=transformer, scheduler=_scheduler(), vae=_vae(16), **parts)


def _flux(kind: str = "", more: int = 0) -> Any:
    """more: channels of the latent that are given beside the noise, packed two by two, as Fill's are."""
    import diffusers

    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4 * _CHANNELS + more, out_channels=4 * _CHANNELS, num_layers=1, num_single_layers=1,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    parts = _clip() | _numbered(2, _t5())
    pipeline = getattr(diffusers, f"Flux{kind}Pipeline")
    return pipeline(transformer=transformer, scheduler=_scheduler(use_dynamic_shifting=True), vae=_vae(), **parts)


def _klein() -> Any:
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel

    transformer = Flux2Transformer2DModel(
        patch_size=1, in_channels=4 * _CHANNELS, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=3 * WIDTH, timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    vae = AutoencoderKLFlux2(
        block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4, sample_size=SIDE,
        latent_channels=_CHANNELS, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    parts = _qwen3(_KLEIN_LAYERS, whole=True)
    return Flux2KleinPipeline(transformer=transformer, scheduler=_scheduler(), vae=vae, is_distilled=True, **parts)


def _qwen_image() -> Any:
    import diffusers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2, in_channels=4 * _CHANNELS, out_channels=_CHANNELS, num_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=16, guidance_embeds=False, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=_CHANNELS, dim_mult=[1, 2, 2, 2], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * _CHANNELS, latents_std=[1.0] * _CHANNELS,
    )  # fmt: skip
    tokenizer = _qwen_tokenizer()
    names = ("vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")
    ids = dict(zip(names, tokenizer.convert_tokens_to_ids([f"<|{name}|>" for name in names]), strict=True))
    text = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": 300, "rope_theta": 1e6,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }  # fmt: skip
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"], vision_token_id=ids["vision_pad"], image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
    )  # fmt: skip
    parts: dict[str, Any] = {
        "transformer": transformer, "scheduler": _scheduler(use_dynamic_shifting=True), "vae": vae,
        "text_encoder": Qwen2_5_VLForConditionalGeneration(config).eval(), "tokenizer": tokenizer,
    }  # fmt: skip
    return diffusers.QwenImagePipeline(**parts)


def _z_image() -> Any:
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2,
        n_kv_heads=2, norm_eps=1e-5, qk_norm=True, cap_feat_dim=WIDTH, rope_theta=256.0, t_scale=1000.0,
        axes_dims=[8, 4, 4], axes_lens=[1536, 64, 64],
    )  # fmt: skip
    return ZImagePipeline(transformer=transformer, scheduler=_scheduler(), vae=_vae(16), **_qwen3(2, whole=False))


_MAKERS = {
    "sd3": _sd3,
    "flux": _flux,
    "flux-fill": lambda: _flux("Fill", 4 * _CHANNELS + 4 * 64),  # the masked picture, and the mask's 8 x 8 pixels
    "flux-kontext": lambda: _flux("Kontext"),
    "flux2-klein": _klein,
    "qwen-image": _qwen_image,
    "z-image": _z_image,
}
