"""Schedulers by name, and how fast a model paints: consistency models and other distilled ones take few steps."""

from __future__ import annotations

from typing import Any

from smartmask.errors import ModelError
from smartmask.insertion.stable_diffusion.families import Family, Pace

# Of models with DDPM's noise levels. LCM and TCD go with a LoRA or a model that was distilled for them.
SAMPLERS: dict[str, str] = {
    "ddim": "DDIMScheduler",
    "dpm": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
    "unipc": "UniPCMultistepScheduler",
}
# LCM-LoRA (arXiv 2311.05556) and TCD (arXiv 2402.19159) paint in 4 to 8 steps, the text unweighed: their loss was taken
# on a teacher's guided answers, and guidance a second time burns the colours.
FEW_STEPS = Pace(4, 1.0)
_FEW = ("LCMScheduler", "TCDScheduler")


def set_sampler(pipeline: Any, sampler: str, family: Family, name: str) -> None:
    """Gives a pipeline another scheduler, with the noise levels and the prediction of its own."""
    import diffusers

    if sampler not in SAMPLERS:
        raise ModelError(f"The sampler is '{sampler}'; use {', '.join(SAMPLERS)}.")
    if family.denoises != "unet":
        raise ModelError(
            f"The sampler is '{sampler}', but '{name}' learnt the straight path of flow matching and brings its own; "
            "leave it out."
        )
    pipeline.scheduler = getattr(diffusers, SAMPLERS[sampler]).from_config(pipeline.scheduler.config)


def pace_of(pipeline: Any, family: Family) -> Pace:
    """Steps and weight of the text where none are asked for: the family's, or fewer for what was distilled."""
    usual, config = Pace(family.steps, family.guidance_scale), getattr(pipeline, family.denoises).config
    if config.get("time_cond_proj_dim") is not None:  # told its guidance scale (arXiv 2310.04378)
        return family.few or usual
    if type(pipeline.scheduler).__name__ in _FEW:
        return FEW_STEPS
    distilled = pipeline.config.get("is_distilled") or config.get("guidance_embeds") is False
    return family.few if distilled and family.few is not None else usual
