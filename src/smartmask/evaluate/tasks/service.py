"""``service``: the REST service under load: a process of its own on this machine, asked by some users at a time.

Each user asks, waits for the answer, and asks again; at a capacity of n workers that is n users, and the last rows ask
with more of them than the queue takes. Requests are a mixture of what the page asks: masks by a box, without a guide,
a plan, names, and now and then a layout.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smartmask.evaluate.protocol import Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, machine, table
from smartmask.evaluate.tasks.speed import sample_scene
from smartmask.io.reading import read_text
from smartmask.io.settings import option
from smartmask.scene.scene_file import scene_to_dict

_LINE = re.compile(r"http://([\d.]+):(\d+)")
PATIENCE = 600.0  # seconds that one answer may take


class ServiceSettings(ReportSettings):
    """How long it is asked, and by how many."""

    seconds: float = option(20.0, "Of each row of the table.", gt=0)
    workers: int = option(2, "Of the service.", ge=1)
    queue: int = option(8, "Requests that may wait in the service.", ge=0)
    users: str = option("1,2,4,20", "Users at a time, a row each, separated by commas.", metavar="LIST")
    num_masks: int = option(8, "Masks a request.", flags=("--num-masks", "-n"))

    @property
    def rows(self) -> list[int]:
        """``users`` as numbers. Raises ValueError for others."""
        parts = [part.strip() for part in self.users.split(",")]
        if not all(part.isdecimal() and 0 < int(part) <= 1000 for part in parts):
            raise ValueError(f"The users are '{self.users}'; give whole numbers from 1 to 1000, separated by commas.")
        return [int(part) for part in parts]


def mixture(num_masks: int) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Method, path and body of the requests, in the order in which each user asks them, over and over."""
    scene, box = sample_scene(512, 384)
    known = scene_to_dict(scene)
    guide = {"kind": "box", "x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1}
    masks = [
        {"object": name, "scene": known, "guides": guides, "num_masks": num_masks, "seed": seed}
        for seed, (name, guides) in enumerate([("dog", [guide]), ("person", []), ("bench", [guide]), ("car", [])])
    ]
    asked: list[tuple[str, str, dict[str, Any] | None]] = [("POST", "/v1/masks", body) for body in masks]
    asked[2:2] = [("GET", "/v1/names?q=ca", None), ("POST", "/v1/plan", {"text": "a street with a car", "count": 3})]
    return [*asked, ("POST", "/v1/layout", {"text": "a beach with a boat", "size": [256, 192]})]


@dataclass
class Answers:
    """What a row's users were answered: seconds of each answered request by path, and counts by status."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    status: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, status: int, seconds: float) -> None:
        with self.lock:
            self.status[status] += 1
            if status == 200:
                self.seconds.setdefault(path.partition("?")[0], []).append(seconds)


@contextmanager
def serving(workers: int, queue: int) -> Iterator[tuple[str, int, int]]:
    """``(host, port, process id)`` of a service of its own, ended at the end of the block."""
    command = [sys.executable, "-m", "smartmask", "serve", "--port", "0"]
    command += ["--workers", str(workers), "--queue", str(queue)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = _LINE.search(line)
        if found is None:
            raise RuntimeError(f"The service did not start; it said {line.strip()!r}")
        yield found[1], int(found[2]), process.pid
    finally:
        process.terminate()
        process.wait(60)


def ask_for(host: str, port: int, users: int, seconds: float, asked: Sequence[tuple[str, str, Any]]) -> Answers:
    """Some users at a time, each asking again as soon as it is answered, or after what a 429 says."""
    answers, until = Answers(), time.monotonic() + seconds

    def user(first: int) -> None:
        link = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        at = first
        while time.monotonic() < until:
            method, path, body = asked[at % len(asked)]
            data = None if body is None else json.dumps(body)
            begun = time.perf_counter()
            link.request(method, path, data, {"Content-Type": "application/json"})
            reply = link.getresponse()
            reply.read()
            answers.add(path, reply.status, time.perf_counter() - begun)
            if reply.status == 429:
                time.sleep(min(float(reply.headers["Retry-After"]), max(0.0, until - time.monotonic())))
            else:
                at += 1
        link.close()

    threads = [threading.Thread(target=user, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def resident_mb(process: int) -> float | None:
    """Resident memory of a process in MB, None where the system does not tell."""
    try:
        text = read_text(f"/proc/{process}/status", "process")
    except ValueError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return None if found is None else int(found[1]) / 1024


def summary(users: int, seconds: float, answers: Answers, memory: float | None) -> dict[str, Any]:
    """One row: requests a second, and of masks the median and the slowest hundredth."""
    every = [one for some in answers.seconds.values() for one in some]
    masks = answers.seconds.get("/v1/masks", [])
    low, high = (float(np.percentile(masks, at)) if masks else None for at in (50, 99))
    return {
        "users": users, "seconds": seconds, "answered": len(every), "a_second": round(len(every) / seconds, 2),
        "masks_p50": low, "masks_p99": high, "status": {str(k): v for k, v in sorted(answers.status.items())},
        "memory_mb": memory,
    }  # fmt: skip


def service_lines(report: Mapping[str, Any]) -> list[str]:
    """The page."""
    rows = []
    for row in report["rows"]:
        refused = {status: count for status, count in row["status"].items() if status != "200"}
        told = ", ".join(f"{count} x {status}" for status, count in refused.items()) or "none"
        seconds = [f"{row[key]:.2f}" if row[key] is not None else "" for key in ("masks_p50", "masks_p99")]
        memory = "" if row["memory_mb"] is None else f"{row['memory_mb']:.0f}"
        rows.append([row["users"], row["answered"], f"{row['a_second']:.1f}", *seconds, told, memory])
    heads = ["users", "answered", "a second", "masks p50, s", "masks p99, s", "refused", "MB after"]
    about = (
        f"# The service under load\n\n{report['workers']} workers, {report['queue']} may wait, {report['seconds']:g} s "
        f"a row; every mask request asks for {report['num_masks']}. Users ask again once they are answered; a 429 says "
        "when."
    )
    return [about, "", *table(heads, rows)]


def run(settings: ServiceSettings) -> None:
    """The REST service under load: requests a second, waiting times, memory, and what too many get."""
    asked, rows = mixture(settings.num_masks), []
    with serving(settings.workers, settings.queue) as (host, port, process):
        ask_for(host, port, 1, 2.0, asked)  # loads what is loaded once
        for users in settings.rows:
            answers = ask_for(host, port, users, settings.seconds, asked)
            rows.append(summary(users, settings.seconds, answers, resident_mb(process)))
    report: dict[str, Any] = {
        **heading("service"), "machine": machine(), "workers": settings.workers, "queue": settings.queue,
        "seconds": settings.seconds, "num_masks": settings.num_masks, "rows": rows,
    }  # fmt: skip
    finish("service", report, service_lines(report), settings)


BENCHMARK = Benchmark("service", ServiceSettings, run)
