"""``insert`` with a planner: it is asked for the next object until all are in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smartmask.image.photo import Photo
from smartmask.insertion.job import Work
from smartmask.insertion.lay import ObjectRequest, Plan
from smartmask.insertion.report import InsertReport
from smartmask.insertion.settings import flags
from smartmask.io.settings import option
from smartmask.io.watch import Progress
from smartmask.plan.language.phrases import RelationRecord, Request, parse
from smartmask.plan.layouts.phrase_job import BESIDE, PhraseInsertJob
from smartmask.plan.layouts.planned import Places, PlannedResult, PlannedStep, lay_planned
from smartmask.plan.planners.job import Proposal
from smartmask.plan.planners.load import load_planner
from smartmask.scene import Scene

CUTOUTS = ("cutout", "cutout_mask")


class PlannedRecord(Proposal):
    """One object that the planner named. guided: whether its box was the mask's guide. object: its number among the
    objects of the report, None where nothing of it would have been seen."""

    guided: bool
    object: int | None

    @classmethod
    def of_step(cls, step: PlannedStep, number: int | None) -> PlannedRecord:
        """A step's record; number: of its object."""
        return cls(**Proposal.of(step.proposal).model_dump(), guided=step.guided, object=number)


class PlannedReport(InsertReport):
    """What ``insert --planner`` says beside: the planner, the text it was given, what it named, and what became of the
    text's relations."""

    planner: str
    text: str
    planned: list[PlannedRecord]
    relations: list[RelationRecord]


@dataclass(frozen=True)
class Planning:
    """What a planner is asked for: its text (empty where nothing is said of the picture) and wanted objects, and how
    many more."""

    request: Request
    ideas: int


class PlannedInsertJob(PhraseInsertJob):
    """Objects into a photo, by one of their own requests each, by a phrase, or by a planner."""

    planner: str | None = option(
        None, "Who names the objects, one by one: vision:MODEL (or a folder), endpoint:MODEL, learned or given.",
        metavar="NAME",
    )  # fmt: skip
    ideas: int | None = option(
        None, "With --planner: objects beyond those of --objects; 1 without --objects, else 0.", ge=0, le=20
    )
    places: Places | None = option(
        None, "With --planner: free (the mask model's own choice, the default) or planner (the box that it names).",
        metavar="HOW",
    )  # fmt: skip

    def prepared(self, photo: Photo) -> Work:
        """Reads the text for the scene; the planner is asked when the masks are laid."""
        if self.planner is None:
            lone = [name for name in ("ideas", "places") if getattr(self, name) is not None]
            if lone:
                raise ValueError(f"{flags(lone)} is for a planner; add --planner, or leave it out.")
            return super().prepared(photo)
        self.checked()
        beside = [name for name in (*BESIDE, *CUTOUTS) if getattr(self, name) not in (None, ())]
        if beside:
            raise ValueError(f"{flags(beside[:1])} is given beside --planner, which names and places the objects.")
        scene, notes = self.read(self.photo, photo.rgb())
        planning = self._planning(scene)

        def plan(on_step: Progress | None) -> Plan:
            found = self._planned(scene, planning, on_step)
            numbers = iter(range(len(found.plan.objects)))
            work.told["planned"] = [
                PlannedRecord.of_step(step, None if step.laid is None else next(numbers)) for step in found.steps
            ]
            work.told["relations"] = [RelationRecord.of(relation, met) for relation, met in found.met]
            work.notes += [f"Not met: {relation}; another --seed may do." for relation, met in found.met if not met]
            return replace(found.plan, notes=(*notes, *planning.request.notes, *found.notes))

        most = len(planning.request.things) + planning.ideas
        work = self.work([ObjectRequest("object")] * most, plan)  # how many there will be at most; names come later
        work.report = PlannedReport
        work.told |= {"planner": self.planner, "text": planning.request.text}
        return work

    def _planning(self, scene: Scene) -> Planning:
        """The phrase read against the scene; without one, the context alone, or nothing at all."""
        from smartmask.io.package import BUNDLED_MASKS
        from smartmask.text.encoder import TextEncoder

        if self.objects is None:
            ideas = 1 if self.ideas is None else self.ideas
            if not ideas:
                raise ValueError("--ideas 0 without --objects leaves nothing to insert; give one of the two.")
            return Planning(request=Request(self.context or "", ()), ideas=ideas)
        encoder = TextEncoder.from_pretrained((self.weights or BUNDLED_MASKS) / "text")
        request = parse(self.objects, encoder, tuple(layer.name for layer in scene.layers))
        ideas = self.ideas or 0
        if not request.things and not ideas:
            raise ValueError(f"There is no object to insert in '{self.objects}'; name one, or add --ideas.")
        return Planning(request=replace(request, text=self.context or request.text), ideas=ideas)

    def _planned(self, scene: Scene, planning: Planning, on_step: Progress | None) -> PlannedResult:
        pipeline = self.load()
        engine = load_planner(str(self.planner), pipeline.text, planning.ideas)
        found = lay_planned(
            scene, planning.request, engine, pipeline, ideas=planning.ideas, places=self.places or "free",
            context=self.context, num_masks=self.num_masks, generator=self.seed, callback=on_step,
        )  # fmt: skip
        if not found.plan.objects:
            why = " ".join(found.notes) or "It holds the picture for complete."
            raise RuntimeError(f"The planner '{self.planner}' names no object to insert. {why}")
        return found
