"""A folder of tiny random models of every role that the papers' tables know: real classes, figures without meaning."""

from __future__ import annotations

from pathlib import Path

from tiny_diffusion import save_controlnet, save_diffusion
from tiny_judges import save_clip, save_resnet, save_sam

CARD = "# {name}\n\nA {name} with random weights, for tests of code.\n"


def save_models(folder: Path) -> Path:
    """Subfolders inpaint, picture, seg (its ControlNet), brush, editor, sam, clip, features; each with a card."""
    folder.mkdir(parents=True, exist_ok=True)
    save_diffusion("sd-inpaint", folder / "inpaint")
    save_diffusion("sd", folder / "picture")
    save_controlnet("sd", folder / "seg")
    save_brush(folder / "brush")
    save_editor(folder / "picture", folder / "editor")
    save_sam(folder / "sam")
    save_clip(folder / "clip")
    save_resnet(folder / "features")
    for path in folder.iterdir():
        (path / "README.md").write_text(CARD.format(name=path.name))
    return folder


def save_brush(folder: Path, **parts: bool) -> Path:
    """A SmartBrush of the tiny preset, with the paper's parts but those that are switched off."""
    import torch

    from smartmask.insertion.smartbrush.network import Parts
    from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline
    from smartmask.io.package import BUNDLED_MASKS
    from smartmask.text.encoder import TextEncoder

    torch.manual_seed(0)
    text = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
    SmartBrushPipeline.new("tiny", text, Parts(**parts)).save_pretrained(folder)
    return folder


def save_editor(plain: Path, folder: Path) -> Path:
    """InstructPix2Pix of a saved text-to-image pipeline: its U-Net takes the picture's latent beside the noise."""
    import torch
    from diffusers import StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(0)
    pipeline = StableDiffusionPipeline.from_pretrained(plain, safety_checker=None)
    unet = UNet2DConditionModel.from_config({**pipeline.unet.config, "in_channels": 8})
    parts = {**pipeline.components, "unet": unet}
    StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False).save_pretrained(folder)
    return folder
