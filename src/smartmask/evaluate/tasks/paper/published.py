"""What the papers print, as far as it is at hand; a figure that is not stays None, and its row says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published row: method, then Local-FID, CLIP score and Norm. L2-BG; None where the paper has none."""

    method: str
    local_fid: float | None
    clip: float | None
    l2_background: float | None


# SmartMask (Singh et al., arXiv 2312.05039), Table 1.
SMARTMASK_TABLE_1 = (
    Published("SD Inpaint", 22.31, 0.249, 0.374),
    Published("SDXL Inpaint", 21.84, 0.235, 0.623),
    Published("Blended Latent Diffusion", 39.77, 0.253, 0.451),
    Published("SmartBrush", 17.94, 0.262, 0.304),
    Published("Adobe Gen-Fill", None, 0.268, 0.289),
    Published("SmartMask", 19.21, 0.261, 0.098),
)
NOT_AT_HAND = "published figures: not at hand, so none are printed here; see {paper} itself"
SMARTMASK, SMARTBRUSH = "SmartMask, arXiv 2312.05039", "SmartBrush, arXiv 2212.05034"
