"""What all batches share: how they are run, and what they report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from smartmask.batch.ledger import Ledger, ledger
from smartmask.batch.local import LocalCrew
from smartmask.batch.on_ray import RayCrew
from smartmask.batch.run import Tally, pending, run_tasks
from smartmask.batch.tasks import FAILED, SUMMARY, Crew, Make, Task
from smartmask.io.publish import save_json
from smartmask.io.records import Record
from smartmask.io.settings import Settings, option, required
from smartmask.io.watch import Watch, unwatched


class BatchReport(Record):
    """A run. tasks: of the source.  done, failed: in this run.  already: done before.  left: failed before, let be.

    counts: what was made in this run, by kind.  died: workers that were lost.  per_second: tasks done in this run.
    failures: the first few that failed, id and sentence; all are in ``failed.jsonl``.
    """

    out: str
    tasks: int
    done: int
    already: int
    failed: int
    left: int
    died: int
    workers: int
    seconds: float
    per_second: float
    counts: dict[str, float]
    failures: dict[str, str]

    @property
    def whole(self) -> bool:
        """Whether everything that was asked for is there."""
        return not self.failed and not self.left


class Running(Settings):
    """How a batch is run."""

    out: Path = required("Folder for the results; with the same command an ended run goes on there.", metavar="DIR")
    workers: int = option(1, "Processes (with --ray: actors) that work at once, each with the models.", ge=1, le=4096)
    ray: str | None = option(
        None,
        "Work on a Ray cluster: 'local', or an address such as 'auto' or ray://HOST:10001.",
        metavar="local|ADDRESS",
    )
    tries: int = option(3, "How often a task is begun whose worker is killed.", ge=1, le=100)
    retry: bool = option(False, "Do again what failed in an earlier run.", flags=("--retry",))

    def crew(self, make: Make, gpus: bool = False) -> Callable[[int], Crew]:
        """What starts so many workers. gpus: each needs one."""
        address = self.ray
        if address is not None:
            return lambda size: RayCrew(make, size, address, gpus)
        return lambda size: LocalCrew(make, size)

    def go(
        self, kind: str, tasks: Iterable[Task], total: int, make: Make, there: Callable[[Task], bool],
        watch: Watch = unwatched, gpus: bool = False,
    ) -> BatchReport:  # fmt: skip
        """Does all tasks that are not done, and reports; ``summary.json`` is the report.

        there: whether what a task published is still there. Raises BusyError if another run works in the folder.
        """
        tally = Tally()
        with ledger(self.out, kind) as known:
            with watch(kind) as on_step:
                todo = pending(tasks, known, there, self.retry, tally)
                run_tasks(
                    todo, self.crew(make, gpus), known, tally, workers=self.workers, tries=self.tries, total=total,
                    on_step=on_step,
                )  # fmt: skip
            report = self._report(tally, known)
            save_json(report.model_dump(), self.out / SUMMARY)
        return report

    def _report(self, tally: Tally, known: Ledger) -> BatchReport:
        seconds = round(tally.seconds, 2)
        first = list(known.failed.items())[:10]
        return BatchReport(
            out=str(self.out), tasks=tally.seen, done=tally.done, already=tally.already, failed=tally.failed,
            left=tally.left, died=tally.died, workers=self.workers, seconds=seconds,
            per_second=round(tally.done / tally.seconds, 3) if tally.seconds else 0.0,
            counts={key: round(value, 3) for key, value in sorted(tally.told.items()) if key != "seconds"},
            failures={name: str(record.get("error")) for name, record in first},
        )  # fmt: skip


def lines_about(report: BatchReport, what: str) -> list[str]:
    """The report in lines for people. what: the tasks' name in the plural."""
    lines = [
        f"{report.done:,} {what} done in {report.seconds:.1f} s ({report.per_second:.2f} a second, "
        f"{report.workers} at once), {report.already:,} were done before, {report.failed + report.left:,} failed"
    ]
    if report.died:
        lines.append(f"{report.died:,} workers were lost and replaced")
    if not report.whole:
        lines.append(f"{Path(report.out) / FAILED} has what failed; --retry does it again")
    return lines
