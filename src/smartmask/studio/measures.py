"""What ``/metrics`` tells, in Prometheus' form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from smartmask.studio.sessions import Sessions
from smartmask.studio.work import Job, Workers

_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 15, 60, 300)


class Measures:
    """Counters of one service."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, workers: Workers, sessions: Sessions) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "smartmask_requests", "Requests by route and status.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "smartmask_job_seconds", "Seconds of work by kind.", ("kind",), buckets=_SECONDS, registry=self.registry
        )
        self._waited = Histogram(
            "smartmask_wait_seconds", "Seconds in the queue.", buckets=_SECONDS, registry=self.registry
        )
        for name, text, count in (
            ("waiting", "Jobs that wait.", lambda: workers.waiting),
            ("running", "Jobs that are being worked on.", lambda: workers.running),
            ("sessions", "Sessions.", lambda: len(sessions)),
        ):
            Gauge(f"smartmask_{name}", text, registry=self.registry).set_function(count)

    def answered(self, route: str, status: int) -> None:
        self._requests.labels(route, str(status)).inc()

    def finished(self, job: Job) -> None:
        """Counts a job that has been worked on."""
        if job.begun:
            self._seconds.labels(job.kind).observe(max(0.0, job.ended - job.begun))
            self._waited.observe(max(0.0, job.begun - job.made))

    def text(self) -> bytes:
        return generate_latest(self.registry)
