"""``insert`` with a phrase: several objects at once, whose places agree."""

from __future__ import annotations

from dataclasses import replace

from smartmask.guides import KINDS
from smartmask.image.photo import Photo
from smartmask.insertion.job import InsertJob, Work
from smartmask.insertion.lay import Plan
from smartmask.insertion.report import InsertReport
from smartmask.insertion.settings import flags
from smartmask.io.settings import option
from smartmask.io.watch import Progress
from smartmask.plan.language.phrases import RelationRecord

# settings that a phrase leaves no room for
TAKEN = ("object", "objects_json", *KINDS, "order", "pick", "cutout_mask", "reference")
BESIDE = [name for name in TAKEN if name != "none"]


class PhraseReport(InsertReport):
    """What ``insert --objects`` says beside: the phrase, how it was read, and what became of its relations."""

    phrase: str
    phrase_notes: list[str]
    relations: list[RelationRecord]


class PhraseInsertJob(InsertJob):
    """Objects into a photo, by one of their own requests each or by a phrase."""

    objects: str | None = option(None, "Several at once: 'man, woman and dog on the bench'.", metavar="PHRASE")

    def prepared(self, photo: Photo) -> Work:
        """Reads the phrase for the scene."""
        if self.objects is None:
            return super().prepared(photo)
        from smartmask.plan.layouts.several import read_phrase  # brings torch, which paste has no use for

        self.checked()
        beside = [name for name in BESIDE if getattr(self, name) not in (None, ())]
        if beside:
            raise ValueError(f"{flags(beside[:1])} is given beside --objects; a phrase places its own objects.")
        scene, notes = self.read(self.photo, photo.rgb())
        phrase = read_phrase(self.objects, scene, self, self.context, self.cutout)

        def plan(on_step: Progress | None) -> Plan:
            laid = phrase.plan(self.num_masks, self.seed, on_step)
            work.told["relations"] = [RelationRecord.of(relation, met) for relation, met in phrase.met]
            work.notes += [f"Not met: {relation}; another --seed may do." for relation, met in phrase.met if not met]
            return replace(laid, notes=(*notes, *phrase.request.notes))

        work = self.work(phrase.objects, plan)
        work.report = PhraseReport
        work.told |= {"phrase": self.objects, "phrase_notes": list(phrase.request.notes)}
        return work
