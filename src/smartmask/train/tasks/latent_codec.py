"""Training of the small VAE that preset ``tiny`` sees layouts through: flat colours, guides, a white object."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from smartmask.image.codecs import VAECodec
from smartmask.masks.latent.model import as_pictures
from smartmask.train.schedules import Plateau
from smartmask.train.settings import LoopSettings
from smartmask.train.task import Losses, Stream, Task, Tensors

DIVERGENCE = 1e-4  # weight of the latents' divergence from a normal distribution
CROPS = 2  # of a picture a step
MEASURED = 16  # batches over which the latents' deviation is measured


def codec_loss(vae: Any, batch: Tensors) -> Losses:
    """Absolute and squared error of pictures through the VAE, and its latents' divergence (mean a number).

    Seen are CROPS squares of half the side of each: the VAE is all convolutions, and reading pictures is what costs.
    """
    clean = _crops(as_pictures(torch.cat([batch["target"], batch["shown"]])))
    told = vae.encode(clean).latent_dist
    back = vae.decode(told.sample()).sample
    divergence = 0.5 * (told.mean.square() + told.var - 1 - told.logvar).mean()
    error = F.l1_loss(back, clean) + F.mse_loss(back, clean)
    return {"loss": error + DIVERGENCE * divergence, "error": error}


def _crops(pictures: torch.Tensor) -> torch.Tensor:
    """``(CROPS * n, 3, side / 2, side / 2)``."""
    half = pictures.shape[-1] // 2
    corners = torch.randint(half + 1, (CROPS, 2)).tolist()
    return torch.cat([pictures[..., y : y + half, x : x + half] for y, x in corners])


def codec_task(vae: Any, stream: Stream, settings: LoopSettings) -> Task:
    """The VAE's training on the pictures of pairs."""
    return Task("codec", vae, stream, codec_loss, schedule=Plateau(warmup=50), facts={"side": vae.config.sample_size})


@torch.no_grad()
def scale_latents(vae: Any, stream: Stream) -> None:
    """Sets the VAE's scaling factor so that latents of layouts have a deviation of 1, as diffusion expects."""
    codec = VAECodec(vae)
    vae.register_to_config(scaling_factor=1.0)
    found = [codec.encode(as_pictures(stream[number].tensors["target"])) for number in range(MEASURED)]
    vae.register_to_config(scaling_factor=1 / float(torch.cat(found).std()))
