"""Fixtures of batches: the drawn pack that other tests have."""

from packs import pack

__all__ = ["pack"]
