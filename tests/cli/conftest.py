"""Fixtures of the commands' tests: a small pack."""

from packs import pack

__all__ = ["pack"]
