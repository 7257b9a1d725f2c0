"""``smartmask export-model``: a trained folder for other runtimes."""

from __future__ import annotations

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, printed
from smartmask.insertion.export_job import ExportJob
from smartmask.io.terminal import say


class ExportCommand(ExportJob, Printed):
    """``export-model`` as typed."""


def export_model(job: ExportCommand) -> None:
    """The U-Net of a latent or SmartBrush folder as an ONNX graph, in a folder that loads in the other's place."""
    report = job.run()
    if printed(report, job.as_json):
        return
    say(
        f"{report.folder}: {report.model}, differs by at most {report.difference:.1e} (spread {report.spread:.2g}); "
        f"a batch of two takes ONNX Runtime {report.onnx_seconds:.3f} s, torch {report.torch_seconds:.3f} s "
        f"({report.channels_last_seconds:.3f} s with channels last) here."
    )


command = command_of(ExportCommand, export_model)
