"""The benchmark's small pack."""

from packs import pack

__all__ = ["pack"]
