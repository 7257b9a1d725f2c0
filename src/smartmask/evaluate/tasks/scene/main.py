"""``scene``: what the true scene tells of a shape, over a like object's scene and over none."""

from __future__ import annotations

from smartmask.data.pack import Pack
from smartmask.data.targets import draw_sample
from smartmask.evaluate.protocol import Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import finish, measured, page, watched
from smartmask.evaluate.systems import assemble, system_names
from smartmask.evaluate.tasks.scene.nats import nats_lines, nats_report, nats_rows, teller_of
from smartmask.evaluate.tasks.scene.use import Donors, scene_lines, scene_report, scene_rows
from smartmask.io.settings import option


class SceneSettings(ObjectSettings):
    """Objects asked about in several scenes."""

    limit: int = option(300, "At most so many objects, the same for the same seed; 0: all.")
    whole: int = option(240, "Whole objects, reported apart; 0: those among the limit.")
    systems: str = option("pipeline,cover", "Of pipeline and the baselines, which see no scene.")
    swaps: int = option(1, "Other scenes an object is asked about in; their mean counts.", ge=1)
    num_masks: int = option(8, "Samples an object.", ge=2)


def run(settings: SceneSettings) -> None:
    """Overlap in the true scene beside a like object's scene and none, same box and seeds: what the scene tells."""
    protocol, swaps = settings.protocol(limit=settings.limit or None, whole=settings.whole), settings.swaps
    names = system_names(listed(settings.systems), protocol.guidance)
    pack = Pack(settings.data)
    sample = draw_sample(pack, protocol)
    asked = assemble(names, pack, protocol, settings)
    donors = Donors(pack, protocol)
    questions = watched("objects", cases(pack, sample.targets, protocol), len(sample.targets))
    rows = scene_rows(questions, asked.systems, donors, swaps)
    found = scene_report(rows, sample)
    teller = teller_of(asked.pipe)
    told = [] if teller is None else nats_rows(cases(pack, sample.targets, protocol), teller, donors)
    nats = nats_report(told, sample)
    report = measured("scene", settings.split, asked.about)
    report |= {"swaps": swaps, "rules": protocol.rules(), "results": found, "nats": nats}
    title = f"Scene: exact box, {settings.num_masks} masks an object, all in the box hidden"
    about = (
        "IoU in the object's own box, 64 x 64. Swapped: the scene of another object of the same name and set whose box "
        f"lies most alike{f' (mean of {swaps})' if swaps > 1 else ''}. 95 % bootstrap by image."
    )
    lines = [*scene_lines(found), *(nats_lines(nats) if nats else [])]
    finish("scene", report, page(title, report, about, lines), settings)


BENCHMARK = Benchmark("scene", SceneSettings, run)
