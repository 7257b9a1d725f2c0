"""The evaluation network that ``realism`` and ``text`` use, trained on real masks and judged on unseen ones."""

from __future__ import annotations

from pathlib import Path

from smartmask.data.pack import Pack
from smartmask.data.silhouettes import real_silhouettes
from smartmask.data.targets import Protocol, admitted
from smartmask.evaluate.protocol import DATA, Benchmark, ReportSettings, listed
from smartmask.evaluate.report import finish, heading, interval_text, machine
from smartmask.io.bars import counter
from smartmask.io.publish import staging
from smartmask.io.settings import option, required


class JudgeSettings(ReportSettings):
    """The recipe of the network."""

    data: Path = DATA
    out: Path = required("Folder for the network and judge.json.", metavar="DIR")
    sources: str = option("voc,coco", "Whose objects count, separated by commas.")
    min_area: float = option(0.01, "Smallest object, as a share of the image.")
    steps: int = option(6000, "Training steps.", ge=1)
    least: int = option(100, "Training objects that a class needs.", ge=1)
    seed: int = option(0, "Of the initial weights and the order of samples.")


def run(settings: JudgeSettings) -> None:
    """Train the evaluation network on the training split's real masks; its accuracy on the development split."""
    from smartmask.io.components import save_component
    from smartmask.train.tasks.judge import JudgeRecipe, judge_report, train_judge

    protocol = Protocol(sources=listed(settings.sources), min_area=settings.min_area)
    recipe = JudgeRecipe(steps=settings.steps, least=settings.least, seed=settings.seed)
    pack = Pack(settings.data)
    train, unseen = (real_silhouettes(pack, admitted(pack, protocol, split)) for split in ("train", "dev"))
    with staging(settings.out) as folder:
        with counter("training", settings.steps) as advance:
            network = train_judge(train, recipe, advance)
        save_component(folder / "network", network, network.config)
    found = {**heading("judge"), "machine": machine(), **judge_report(network, recipe, train, unseen)}
    lines = [
        f"{found['trained_on']} training objects of {len(found['classes'])} classes, {found['parameters']} parameters",
        f"on {found['unseen']} unseen real objects of the development split: accuracy "
        + interval_text(found["accuracy"]),
        f"macro over classes: {found['macro_accuracy']:.3f} (chance {found['chance']:.3f})",
    ]
    finish("judge", found, lines, settings)


BENCHMARK = Benchmark("judge", JudgeSettings, run)
