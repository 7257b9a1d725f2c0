"""U-Nets as ONNX graphs: written beside their config, and asked by ONNX Runtime as diffusers' own would be asked.

In: ``sample`` (B, C, h, w), ``timestep`` (B,) int64, ``states`` (B, n, width), and where the network has one,
``condition`` (B, f); out: ``prediction`` (B, C', h, w). Batch, words, height and width are free.
All numbers are float32 and all answers come from the CPU.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import torch
from torch import nn

from smartmask.io.integrity import check_numbers
from smartmask.io.publish import save_json
from smartmask.io.reading import read_json

GRAPH, CONFIG = "model.onnx", "config.json"
OPSET = 17
WORDS = 77  # of the states that the graph is traced with


class _Call(nn.Module):
    """A U-Net by places instead of names, as a graph takes its inputs."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        more = {"timestep_cond": given[3]} if len(given) > 3 else {}
        return self.unet(*given[:3], **more).sample


def example(unet: Any, seed: int = 0, batch: int = 2) -> dict[str, torch.Tensor]:
    """Inputs of a U-Net by their names in the graph: noise, in the size that the config says."""
    config, generator = unet.config, torch.Generator().manual_seed(seed)
    side = int(config.sample_size)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(batch, *shape, generator=generator)

    found = {
        "sample": noise(config.in_channels, side, side), "timestep": torch.full((batch,), 321),
        "states": noise(WORDS, config.cross_attention_dim),
    }  # fmt: skip
    return found if config.time_cond_proj_dim is None else {**found, "condition": noise(config.time_cond_proj_dim)}


def check_exportable(unet: Any) -> None:
    """ValueError of one sentence for a U-Net that has further conditions."""
    if isinstance(unet, OnnxUNet):
        raise ValueError("The U-Net is an ONNX graph already; give the folder that it was exported from.")
    if unet.config.addition_embed_type is not None:
        kind = unet.config.addition_embed_type
        raise ValueError(f"The U-Net has conditions besides text and time ('{kind}', as SDXL's); export another.")


class ExportedUNet(nn.Module):
    """In a U-Net's place while its model is saved: its weights go into a graph."""

    def __init__(self, unet: Any) -> None:
        """Raises ValueError for a U-Net that cannot be exported."""
        check_exportable(unet)
        super().__init__()
        self.unet = unet.float().cpu().eval()
        self.config = unet.config

    def save_pretrained(self, folder: Path, **_: Any) -> None:
        """Writes ``config.json`` and ``model.onnx`` into a folder that is being staged."""
        folder.mkdir()
        save_json(
            {name: value for name, value in dict(self.config).items() if name != "_name_or_path"}, folder / CONFIG
        )
        write_graph(self.unet, folder / GRAPH)


def write_graph(unet: Any, path: Path) -> None:
    """A U-Net as an ONNX graph. Weights beyond 2 GB lie in files beside it."""
    import warnings

    given = example(unet)
    free = {name: {0: "batch"} for name in (*given, "prediction")}
    free["states"] = {0: "batch", 1: "words"}
    free["sample"] = {0: "batch", 2: "height", 3: "width"}
    free["prediction"] = free["sample"]
    with warnings.catch_warnings():  # of tracing: branches on shapes, which do not change; and of its age
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Call(unet), tuple(given.values()), str(path), input_names=list(given), output_names=["prediction"],
            dynamic_axes=free, opset_version=OPSET, dynamo=False,
        )  # fmt: skip


class _Place(nn.Module):
    """Where and in which numbers a network is; here only what it is asked with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)


class OnnxUNet(nn.Module):
    """A graph behind the call of diffusers' UNet2DConditionModel: same config, same arguments, same answer."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, naming the file, for a damaged graph or config, or without onnxruntime."""
        super().__init__()
        try:
            import onnxruntime
        except ImportError:
            raise ValueError(f"{folder / GRAPH} needs onnxruntime; install smartmask[onnx].") from None
        config = read_json(folder / CONFIG, "config")
        check_numbers(config, folder / CONFIG)
        self.config = SimpleNamespace(**config)
        self.conv_in = _Place()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it has no class of its own for damaged files
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise ValueError(f"{folder / GRAPH} cannot be loaded ({reason}); export it again.") from None
        self.folder = folder

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, states: torch.Tensor,
        timestep_cond: torch.Tensor | None = None, added_cond_kwargs: None = None,
    ) -> SimpleNamespace:  # fmt: skip
        """``sample``: the prediction (B, C', h, w), on the device and in the numbers of what came in."""
        times = timestep.reshape(-1).expand(len(sample))
        given = {"sample": sample.float(), "timestep": times.long(), "states": states.float()}
        if timestep_cond is not None:
            given["condition"] = timestep_cond.float()
        arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in given.items()}
        return SimpleNamespace(sample=torch.from_numpy(self.session.run(None, arrays)[0]).to(sample))

    def train(self, mode: bool = True) -> OnnxUNet:
        """ValueError: a graph is not trained."""
        if mode:
            self.save_pretrained()
        return super().train(mode)

    def __deepcopy__(self, _: Any) -> NoReturn:
        self.save_pretrained()

    def save_pretrained(self, *_: Any, **__: Any) -> NoReturn:
        """ValueError: it has no weights to give."""
        raise ValueError(
            f"{self.folder / GRAPH} is an ONNX graph, which is only asked; give the folder it was made of."
        )
