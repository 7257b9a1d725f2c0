"""Errors with a name of their own; other mistakes of a user are ValueErrors or OSErrors of one sentence."""

from __future__ import annotations


class ModelError(ValueError):
    """A folder or hub name does not hold the model that is needed; one sentence says why."""


class ModelMissingError(OSError):
    """A model, or a package that runs it, is not on this machine; the sentence says what to fetch."""


class OutOfMemoryError(RuntimeError):
    """A model did not fit; the sentence says what to change."""


class WriteError(OSError):
    """A file could not be written; the sentence says which, how much was needed, and what was left."""


class BusyError(OSError):
    """Another process writes to the same folder; the sentence names it."""
