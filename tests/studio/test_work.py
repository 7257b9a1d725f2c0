"""Jobs: order, a bounded queue, progress, cancelling, time, idempotency, an end in good order."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from smartmask.studio.refused import RefusedError
from smartmask.studio.work import Job, Workers, remember

BODY = {"object": "dog", "size": [64, 48], "num_masks": 1}


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(1, 2)
    yield made
    made.close(5)


def ended(job: Job, seconds: float = 10) -> Job:
    until = time.monotonic() + seconds
    while job.is_open and time.monotonic() < until:
        time.sleep(0.005)
    assert not job.is_open
    return job


def test_jobs_are_done_in_their_order(workers: Workers) -> None:
    done: list[int] = []
    jobs = [Job("count", lambda _, n=number: done.append(n), 10) for number in range(3)]
    for job in jobs:
        workers.add(job)
    ended(jobs[-1])
    assert done == [0, 1, 2]


def test_a_full_queue_says_when_to_come_back(workers: Workers) -> None:
    gate = threading.Event()
    jobs = [Job("wait", lambda _: gate.wait(10), 10) for _ in range(3)]
    for job in jobs:
        workers.add(job)
    time.sleep(0.1)
    with pytest.raises(RefusedError) as refused:
        workers.add(Job("wait", lambda _: None, 10))
    assert refused.value.status == 429
    assert int(refused.value.headers["Retry-After"]) >= 1
    gate.set()
    ended(jobs[-1])


def test_a_job_stops_at_its_next_step_when_cancelled(workers: Workers) -> None:
    begun, steps = threading.Event(), []

    def work(job: Job) -> None:
        with job.watch("steps") as on_step:
            for step in range(1000):
                begun.set()
                steps.append(step)
                time.sleep(0.005)
                on_step(step, 1000)

    job = Job("long", work, 60)
    workers.add(job)
    begun.wait(5)
    job.cancel()
    assert ended(job).state == "cancelled"
    assert len(steps) < 1000
    assert job.refusal is not None
    assert job.refusal.status == 409


def test_a_job_that_waits_is_never_begun_once_cancelled(workers: Workers) -> None:
    gate = threading.Event()
    workers.add(Job("wait", lambda _: gate.wait(10), 10))
    ran: list[int] = []
    job = Job("other", lambda _: ran.append(1), 10)
    workers.add(job)
    job.cancel()
    gate.set()
    assert ended(job).state == "cancelled"
    assert not ran


def test_a_job_that_takes_too_long_is_given_up(workers: Workers) -> None:
    def work(job: Job) -> None:
        with job.watch("steps") as on_step:
            for step in range(1000):
                time.sleep(0.01)
                on_step(step, 1000)

    job = Job("slow", work, 0.05)
    workers.add(job)
    ended(job)
    assert job.refusal is not None
    assert job.refusal.code == "too_slow"


def test_whoever_follows_late_hears_the_end(workers: Workers) -> None:
    def work(job: Job) -> str:
        for stage in ("one", "two"):
            with job.watch(stage) as on_step:
                for step in range(5):
                    on_step(step + 1, 5)
        return "found"

    job = Job("told", work, 10)
    workers.add(job)
    ended(job)

    async def heard() -> list[Any]:
        return [event async for event in job.events()]

    events = asyncio.run(heard())
    assert events[-1] == ("result", {"result": "found"})
    assert len(events) == 2  # of a row of progress only the last is kept


def test_closing_finishes_what_is_at_work_and_drops_what_waits() -> None:
    workers = Workers(1, 5)
    slow = Job("slow", lambda _: time.sleep(0.2) or "done", 10)
    later = Job("later", lambda _: "done", 10)
    workers.add(slow), workers.add(later)
    time.sleep(0.05)
    workers.close(5)
    assert slow.state == "done"
    assert later.state == "cancelled"
    with pytest.raises(RefusedError):
        workers.add(Job("none", lambda _: None, 1))


def test_only_so_many_ended_jobs_are_remembered() -> None:
    jobs: dict[str, Job] = {}
    for _ in range(260):
        job = Job("done", lambda _: None, 1)
        job.run()
        remember(jobs, job)
    assert len(jobs) <= 201


# --- over HTTP -------------------------------------------------------------------------------------


def finished(client: TestClient, url: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = client.get(url).json()
        if told["state"] not in ("waiting", "running"):
            return dict(told)
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def test_a_request_can_become_a_job(client: TestClient) -> None:
    answer = client.post("/v1/masks", json=BODY, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    told = finished(client, answer.headers["Location"])
    assert told["state"] == "done"
    assert told["result"]["masks"] == client.post("/v1/masks", json=BODY).json()["masks"]
    events = client.get(f"{answer.headers['Location']}/events").text
    assert events.rstrip().split("\n\n")[-1].startswith("event: result")


def test_a_job_over_http_can_be_cancelled(client: TestClient) -> None:
    body = {"object": "dog", "size": [512, 384], "num_masks": 64}
    jobs = [client.post("/v1/masks", json=body, headers={"Prefer": "respond-async"}).json() for _ in range(4)]
    assert client.delete(jobs[-1]["url"]).status_code == 202
    told = finished(client, jobs[-1]["url"])
    assert told["state"] == "cancelled"
    assert told["error"]["code"] == "cancelled"
    for job in jobs[:-1]:
        client.delete(job["url"])


def test_the_same_key_gives_the_same_answer_once(client: TestClient) -> None:
    headers = {"Idempotency-Key": "a1"}
    first = client.post("/v1/masks", json={**BODY, "seed": 3}, headers=headers)
    jobs = len(client.app.state.studio.sessions.find(client.cookies["smartmask_session"]).jobs)  # type: ignore[attr-defined]
    again = client.post("/v1/masks", json={**BODY, "seed": 3}, headers=headers)
    assert first.json() == again.json()
    assert len(client.app.state.studio.sessions.find(client.cookies["smartmask_session"]).jobs) == jobs  # type: ignore[attr-defined]
    other = client.post("/v1/masks", json={**BODY, "seed": 4}, headers=headers)
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "key_used"
