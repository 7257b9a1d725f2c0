"""A request that is not answered: its status, a word for programs, and one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smartmask.errors import ModelMissingError
from smartmask.io.explain import explain, is_out_of_memory


class RefusedError(Exception):
    """status: of HTTP. code: a word for programs. sentence: for people. headers: of the answer."""

    def __init__(self, status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.headers = status, code, sentence, dict(headers or {})

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"error": {"code": self.code, "message": self.sentence}}


class CancelledError(Exception):
    """Raised inside a job that was cancelled or took too long, by its progress callback."""


def refusal_of(error: BaseException) -> RefusedError:
    """Any error as what the service answers: 422 the user's input, 503 what is missing or ran out, else 500."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, CancelledError):
        return RefusedError(409, "cancelled", str(error) or "The request was cancelled.")
    sentence = explain(error)[1]
    if isinstance(error, ValueError):
        return RefusedError(422, "bad_input", sentence)
    if isinstance(error, ModelMissingError):
        return RefusedError(503, "model_missing", sentence)
    if is_out_of_memory(error):
        return RefusedError(503, "out_of_memory", sentence)
    return RefusedError(500, "failed", sentence)
