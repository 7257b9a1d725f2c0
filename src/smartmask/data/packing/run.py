"""A packing from beginning to end: the plan, its units by whoever works, the end; killed anywhere, it goes on.

Parts lie in ``OUT.packing`` until all are there; then OUT appears as a whole, and that folder goes. One run at a time
may work there; what its workers write is theirs alone by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from smartmask.data.discover import Source
from smartmask.data.pack import PackReport
from smartmask.data.packing.finish import Summed, drop_doubles, merge, save_index, summed
from smartmask.data.packing.index import INDEX, PARQUET, read_index
from smartmask.data.packing.local import at_once, by_processes
from smartmask.data.packing.plan import Plan, Recipe, count_jobs, mark_of
from smartmask.data.packing.unit import PARTS, Task, is_done, pack_unit
from smartmask.io.locks import locked, sweep
from smartmask.io.publish import (
    check_replaceable,
    output_file,
    output_folder,
    publish_folder,
    remove_file,
    remove_folder,
    save_json,
)
from smartmask.io.reading import file_sum, read_json
from smartmask.io.watch import Watch, unwatched

PLAN, DONE = "plan.json", "published.json"
Workers = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]  # (function, items) -> results, in any order


def workers_of(count: int, ray: str | None) -> Workers:
    """Who works: this process, ``count`` others, or a Ray cluster ("local", or its address)."""
    if ray is not None:
        from smartmask.data.packing.cluster import by_ray  # needs the extra 'scale'

        return lambda function, items: by_ray(ray, count, function, items)
    return at_once if count == 1 else lambda function, items: by_processes(count, function, items)


def pack_sources(
    sources: list[Source], recipe: Recipe, out: Path, workers: Workers = at_once, resume: bool = True,
    watch: Watch = unwatched,
) -> tuple[PackReport, list[str]]:  # fmt: skip
    """Packs all records of the sources into ``out``; its report, and a sentence for each bad picture left out.

    out: NAME.parquet, or a folder, which gets parts and their index. resume: go on with what an earlier run of the same
    sources and recipe has begun, else begin anew.
    Raises ValueError for bad pictures unless they are skipped, if there is no scene, or if what was begun is of other
    sources or settings; BusyError if another run is at work there.
    """
    single = recipe.form == PARQUET and out.suffix.lower() == ".parquet"
    if not single and out.suffix and not out.is_dir():
        raise ValueError(f"The output '{out}' must end in .parquet, or be a folder's name without a suffix.")
    out = output_file(out, ".parquet") if single else check_replaceable(out)
    work = out.with_name(f"{out.name}.packing")
    with locked(work):
        try:
            plan = _plan(sources, recipe, work, workers, resume, watch)
            published = not single and _is_published(work, out)
            if not published:
                _do(plan, work, workers, watch)
            with watch("writing"):
                found = summed(plan, work)
                if not found.scenes:
                    remove_folder(work)
                    raise ValueError(f"There is no scene to write to {out}.")
                if single:
                    merge(found, work / PARTS, out)
                elif not published:
                    _place(plan, found, work, out)
                size = out.stat().st_size if single else sum(part.bytes for part in read_index(out).parts)
                remove_folder(work)
        finally:
            if work.is_dir() and not (work / PLAN).exists():  # nothing was begun
                remove_folder(work)
    return PackReport(found.scenes, found.layers, found.doubles, size), found.skipped


def _is_published(work: Path, out: Path) -> bool:
    """Whether a run that was killed had already put its folder in place."""
    done = work / DONE
    return done.is_file() and (out / INDEX).is_file() and read_json(done)["sha256"] == file_sum(out / INDEX)


def _place(plan: Plan, found: Summed, work: Path, out: Path) -> None:
    """The folder of parts takes the place of ``out``."""
    parts = work / PARTS
    drop_doubles(plan, found, parts)
    named = {part.file for part in found.parts()}
    for path in sorted(parts.iterdir()):
        if path.name not in named:
            remove_file(path)
    save_index(plan, found, parts)
    save_json({"sha256": file_sum(parts / INDEX)}, work / DONE)
    publish_folder(parts, out)


def _plan(
    sources: list[Source], recipe: Recipe, work: Path, workers: Workers, resume: bool, watch: Watch
) -> Plan:  # fmt: skip
    """The plan that an earlier run left, or a new one."""
    kept = work / PLAN
    if kept.is_file() and resume:
        plan = Plan.of_json(read_json(kept, "plan"))
        if not plan.begins_as(recipe, sources):
            raise ValueError(
                f"{work} holds what was begun of other sources or settings, or of data that has changed since; give "
                "those again, or --no-resume to begin anew."
            )
        sweep(work)
        sweep(work / PARTS)
        return replace(plan, recipe=recipe)
    for old in sorted(work.iterdir()):
        remove_folder(old)
        remove_file(old)
    output_folder(work / PARTS)
    marks = [mark_of(path) for _, path in sources]
    with watch("looking"):
        counts = dict(workers(_counted, list(enumerate(sources))))
    plan = Plan(recipe, tuple(
        (format, str(path), mark, counts[number])
        for number, ((format, path), mark) in enumerate(zip(sources, marks, strict=True))
    ))  # fmt: skip
    save_json(plan.to_json(), kept)
    return plan


def _counted(item: tuple[int, Source]) -> tuple[int, int]:
    return item[0], count_jobs(item[1])


def _do(plan: Plan, work: Path, workers: Workers, watch: Watch) -> None:
    """All units that are not done yet."""
    units = plan.units()
    left = [unit for unit in units if not is_done(work, unit.number)]
    all_jobs = sum(unit.stop - unit.start for unit in units)
    done = all_jobs - sum(unit.stop - unit.start for unit in left)
    with watch("scenes") as on_step:
        for count in workers(pack_unit, [Task(unit, plan.recipe, str(work)) for unit in left]):
            done += count
            if on_step is not None:
                on_step(done, all_jobs)
