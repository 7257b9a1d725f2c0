"""A trained folder for other runtimes: its U-Net as an ONNX graph, compared with torch before it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smartmask.io.records import Record
from smartmask.io.settings import Settings, argument, option, required

ROUNDS = 5  # of each runtime, timed in turn


class ExportReport(Record):
    """What was made. difference: the largest between torch's answer and the graph's; spread: the standard deviation of
    torch's. Seconds: fastest of ROUNDS, on this CPU, a batch of two; channels_last_seconds: of torch with its channels
    last in memory, which suits convolutions on CPUs."""

    folder: str
    model: str
    difference: float
    spread: float
    torch_seconds: float
    channels_last_seconds: float
    onnx_seconds: float


class ExportJob(Settings):
    """From a folder of this project's to another."""

    model: Path = argument("A folder of SmartMask's latent model or of SmartBrush.", metavar="FOLDER")
    out: Path = required("The folder to write, loaded in the other's place.", metavar="DIR")
    tolerance: float = option(1e-3, "Largest difference allowed, as a share of the answer's spread.", gt=0, le=1)

    def run(self) -> ExportReport:
        """Writes the folder. ValueError for another kind of folder, or a graph that answers otherwise than torch."""
        from copy import copy
        from dataclasses import replace

        from smartmask.insertion.smartbrush import files as brush
        from smartmask.io.diffusion import read_index
        from smartmask.io.onnx_unet import ExportedUNet
        from smartmask.masks.latent import files as latent

        kinds: dict[str, Any] = {latent.CLASS: latent, brush.CLASS_NAME: brush}
        name = str(read_index(self.model).get("_class_name"))
        if name not in kinds:
            raise ValueError(f"{self.model} is a {name}; give a folder of one of {', '.join(kinds)}.")
        parts: Any = kinds[name].load(self.model)
        unet = parts.network.unet
        network = copy(parts.network)
        network._modules = {**parts.network._modules, "unet": ExportedUNet(unet)}
        figures = self._compare(unet)
        kinds[name].save(replace(parts, network=network), self.out)
        return ExportReport(folder=str(self.out), model=name, **figures)

    def _compare(self, unet: Any) -> dict[str, float]:
        """The graph beside torch, in a folder of the system's own."""
        import tempfile
        from copy import deepcopy

        import torch

        from smartmask.io.onnx_unet import ExportedUNet, OnnxUNet, example

        with tempfile.TemporaryDirectory() as place:
            ExportedUNet(unet).save_pretrained(Path(place) / "unet")
            given = example(unet, seed=1)
            condition = {"timestep_cond": given["condition"]} if "condition" in given else {}
            asked = [given[key] for key in ("sample", "timestep", "states")]
            graph = OnnxUNet(Path(place) / "unet")
            with torch.inference_mode():
                answer, other = unet(*asked, **condition).sample, graph(*asked, **condition).sample
                turned = deepcopy(unet).to(memory_format=torch.channels_last)
                seconds = [[_timed(one, asked, condition) for one in (unet, turned, graph)] for _ in range(ROUNDS)]
        difference, spread = float((answer - other).abs().max()), float(answer.std())
        if not difference <= self.tolerance * spread:
            raise ValueError(
                f"The graph's answer differs from torch's by {difference:.2g} (spread {spread:.2g}), more than "
                f"--tolerance {self.tolerance:g} allows; nothing was written."
            )
        plain, last, other_seconds = (min(column) for column in zip(*seconds, strict=True))
        return {
            "difference": difference, "spread": spread, "torch_seconds": plain, "channels_last_seconds": last,
            "onnx_seconds": other_seconds,
        }  # fmt: skip


def _timed(network: Callable[..., Any], asked: list[Any], more: dict[str, Any]) -> float:
    begun = time.perf_counter()
    network(*asked, **more)
    return time.perf_counter() - begun
