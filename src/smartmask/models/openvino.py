"""OpenVINO as the engine of the pipeline's three drawing networks: on CPUs with bfloat16 units twice as fast as torch.

Each network is converted once and the result kept in the user's cache folder, under a name that tells weights and
versions apart. The engine computes in the precision that the CPU is fastest in, so outlines differ from torch's by
single pixels. Needs the package ``openvino`` (the extra of that name); nothing here is imported without it being asked.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smartmask import __version__
from smartmask.frame import BAND, BOX_SIDE
from smartmask.models.layout import CELLS, FLAGS, SCALARS
from smartmask.models.outline import OutlineNetwork
from smartmask.models.prior import GEOMETRY, GUIDE_CELLS, ShapeAsk, ShapePrior
from smartmask.models.shape import MASKS, Condition, ShapeNetwork

FORMAT = 1  # of converted networks; to be raised when a network's computation changes

Run = Callable[..., torch.Tensor]


def cache_folder() -> Path:
    """Where converted networks are kept: $SMARTMASK_CACHE, or the user's cache folder."""
    given = os.environ.get("SMARTMASK_CACHE")
    if given:
        return Path(given) / "openvino"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        home = Path(tempfile.gettempdir())
    return home / "smartmask" / "openvino"


class CompiledPrior(ShapePrior):
    """A shape prior whose denoiser OpenVINO runs; all else, its space and its guess of a box, is the prior's own."""

    def __init__(self, plain: ShapePrior, precision: str | None = None) -> None:
        super().__init__(plain.config)
        self.load_state_dict(plain.state_dict())
        rows = torch.zeros(2, plain.config.components), torch.ones(2)
        told = torch.zeros(2, plain.config.text_dim), torch.zeros(2, GEOMETRY), torch.zeros(2, GUIDE_CELLS**2)
        self._run = compile_network(_FlatPrior(plain), (*rows, *told, _all(2)), precision)

    def forward(
        self, noisy: torch.Tensor, time: torch.Tensor, ask: ShapeAsk, keep_object: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As ``ShapePrior.forward``."""
        return self._run(noisy, time, ask.object, ask.geometry, ask.guide, _kept(keep_object, len(noisy)))


class CompiledOutline(OutlineNetwork):
    """An outline network that OpenVINO runs."""

    def __init__(self, plain: OutlineNetwork, precision: str | None = None) -> None:
        super().__init__(plain.config)
        self.load_state_dict(plain.state_dict())
        pictures = torch.zeros(2, BOX_SIDE, BOX_SIDE)
        told = torch.zeros(2, plain.config.text_dim), torch.zeros(2, GEOMETRY)
        self._run = compile_network(plain, (pictures, pictures.clone(), *told), precision)

    def forward(
        self, shapes: torch.Tensor, noise: torch.Tensor, object_: torch.Tensor, geometry: torch.Tensor
    ) -> torch.Tensor:
        """As ``OutlineNetwork.forward``."""
        return self._run(shapes, noise, object_, geometry)


class CompiledShape(ShapeNetwork):
    """A mask network that OpenVINO runs."""

    def __init__(self, plain: ShapeNetwork, precision: str | None = None) -> None:
        super().__init__(plain.config)
        self.load_state_dict(plain.state_dict())
        text = torch.zeros(2, plain.config.text_dim)
        layout = torch.zeros(2, CELLS, CELLS, dtype=torch.int64), torch.zeros(2, len(FLAGS), CELLS, CELLS)
        told = *layout, torch.zeros(2, SCALARS), torch.zeros(3, plain.config.text_dim), text, text.clone()
        masks = torch.zeros(2, MASKS, BAND, BAND)
        self._run = compile_network(_FlatShape(plain), (masks, torch.ones(2), *told, _all(2), _all(2)), precision)

    def forward(
        self,
        noisy: torch.Tensor,
        time: torch.Tensor,
        condition: Condition,
        keep_object: torch.Tensor | None = None,
        keep_context: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As ``ShapeNetwork.forward``."""
        c, count = condition, len(noisy)
        told = c.ids, c.flags, c.scalars, c.names, c.object, c.context
        return self._run(noisy, time, *told, _kept(keep_object, count), _kept(keep_context, count))


def compile_network(network: nn.Module, example: tuple[torch.Tensor, ...], precision: str | None = None) -> Run:
    """The network as OpenVINO runs it: a function of tensors like ``example`` with any number of rows.

    precision: "f32" or "bf16"; None is what the CPU does fastest. It uses as many threads as torch is set to now.
    Raises ModuleNotFoundError without the package ``openvino``.
    """
    from openvino import Core

    core, folder = Core(), cache_folder()
    path = folder / f"{_fingerprint(network)}.xml"
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = precision
    try:
        graph = core.read_model(path)
    except RuntimeError:  # not there yet, or damaged
        graph = _keep(_convert(network, example), path)
    compiled = core.compile_model(graph, "CPU", settings)
    own = threading.local()  # a request holds the values of one call, so each thread has its own

    def run(*given: torch.Tensor) -> torch.Tensor:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        plain = [value.detach().float() if value.is_floating_point() else value for value in given]
        values = [np.ascontiguousarray(value.numpy()) for value in plain]
        return torch.from_numpy(own.request.infer(values, share_inputs=True)[0])

    return run


def _convert(network: nn.Module, example: tuple[torch.Tensor, ...]) -> Any:
    """An OpenVINO model with a free number of rows. Its own ``convert_model`` would report to its maker."""
    from openvino import PartialShape
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # of shapes that the trace takes as fixed, and are
        decoder = TorchScriptPythonDecoder(torch.jit.trace(network.eval(), example, check_trace=False))
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(decoder))
    for given, value in zip(graph.inputs, example, strict=True):
        given.get_node().set_element_type(_element_type(value))
        given.get_node().set_partial_shape(PartialShape([-1, *value.shape[1:]]))
    graph.validate_nodes_and_infer_types()
    return graph


def _element_type(value: torch.Tensor) -> Any:
    from openvino import Type

    return {torch.float32: Type.f32, torch.int64: Type.i64, torch.bool: Type.boolean}[value.dtype]


def _keep(graph: Any, path: Path) -> Any:
    """The graph, written to ``path`` for the next time; where nothing can be written, it works without."""
    from openvino import save_model

    partial = path.with_name(f"{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_model(graph, partial, compress_to_fp16=False)
        os.replace(partial.with_suffix(".bin"), path.with_suffix(".bin"))
        os.replace(partial, path)
    except (OSError, RuntimeError):
        for left in (partial, partial.with_suffix(".bin")):
            with suppress(OSError):
                left.unlink()
    return graph


def _fingerprint(network: nn.Module) -> str:
    from openvino import get_version

    config = repr(getattr(network, "plain", network).config)  # some settings leave no trace in the weights' shapes
    versions = f"{FORMAT} {__version__} {torch.__version__} {get_version()}"
    found = hashlib.sha256(f"{type(network).__name__} {config} {versions}".encode())
    for name, value in network.state_dict().items():
        found.update(name.encode() + str(tuple(value.shape)).encode())
        found.update(np.ascontiguousarray(value.float().numpy()).tobytes())
    return found.hexdigest()[:32]


def _all(count: int) -> torch.Tensor:
    return torch.ones(count, dtype=torch.bool)


def _kept(keep: torch.Tensor | None, count: int) -> torch.Tensor:
    return _all(count) if keep is None else keep


class _FlatPrior(nn.Module):
    """The prior as a function of tensors alone, which is what can be traced."""

    def __init__(self, plain: ShapePrior) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, noisy: torch.Tensor, time: torch.Tensor, *told: torch.Tensor) -> torch.Tensor:
        return self.plain(noisy, time, ShapeAsk(*told[:3]), told[3])


class _FlatShape(nn.Module):
    def __init__(self, plain: ShapeNetwork) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, noisy: torch.Tensor, time: torch.Tensor, *told: torch.Tensor) -> torch.Tensor:
        return self.plain(noisy, time, Condition(*told[:6]), told[6], told[7])
