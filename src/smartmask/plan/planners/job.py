"""What to draw next in a scene, from files: what the command runs, and what a service can run alike."""

from __future__ import annotations

from pathlib import Path

from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.records import Record
from smartmask.io.settings import argument, option
from smartmask.masks.weights import WeightsFolder
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.interface import NextObject, PlanState, placed_already
from smartmask.plan.planners.load import Planned, load_planner
from smartmask.scene import Scene
from smartmask.scene.scene_file import load_scene
from smartmask.text.encoder import TextEncoder


class Proposal(Record):
    """One object to draw next. wanted: whether the text asks for it. score: in [0, 1], comparable within one answer.

    region: where, roughly, (x0, y0, x1, y1) as shares of the picture, of an idea of the planner's own.
    """

    name: str
    wanted: bool
    score: float
    why: str
    region: tuple[float, float, float, float] | None

    @classmethod
    def of(cls, found: NextObject) -> Proposal:
        """A planner's answer, rounded."""
        region = None
        if found.region is not None:
            x0, y0, x1, y1 = (round(value, 3) for value in found.region)
            region = x0, y0, x1, y1
        return cls(
            name=found.name,
            wanted=found.key is not None,
            score=round(found.score, 4),
            why=found.why,
            region=region,
        )


class PlanReport(Record):
    """What ``plan --json`` says. layers: names of what is there, back to front. next: best first."""

    command: str = "plan"
    text: str
    layers: list[str]
    next: list[Proposal]
    notes: list[str]


class PlanJob(Planned, WeightsFolder):
    """What to draw next in a saved scene, or in an empty one."""

    text: str = argument("What the scene is about, and what it should hold.", metavar="TEXT")
    scene: Path | None = option(None, "A scene.json: what is there already; nothing by default.", metavar="JSON")
    count: int = option(5, "Proposals at most.", flags=("--count", "-n"), ge=1, le=50)

    def run(self) -> PlanReport:
        """Raises ValueError for bad input."""
        scene = Scene.empty(384, 512) if self.scene is None else load_scene(self.scene)[0]
        encoder = TextEncoder.from_pretrained((self.weights or BUNDLED_MASKS) / "text")
        request = parse(self.text, encoder)
        planner = load_planner(self.planner, encoder, 0 if self.planner == "given" else self.count)
        found = planner.propose(PlanState(scene, request, placed_already(request, scene), surfaces=True), self.count)
        return PlanReport(
            text=self.text, layers=[layer.name for layer in scene.layers],
            next=[Proposal.of(item) for item in found], notes=list(request.notes),
        )  # fmt: skip
