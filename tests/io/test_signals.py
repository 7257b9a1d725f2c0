"""Requests to end that are noted instead of answered."""

from __future__ import annotations

import signal
import threading

import pytest

from smartmask.io.signals import noted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_is_noted_and_the_former_answer_comes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with noted() as asked:
        assert asked == []
        signal.raise_signal(number)
        assert asked == [number]
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted() as asked:
            signal.raise_signal(signal.SIGHUP)
        assert asked == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_off_the_main_thread_nothing_is_touched() -> None:
    seen: list[bool] = []

    def run() -> None:
        before = signal.getsignal(signal.SIGTERM)
        with noted():
            seen.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [True]
