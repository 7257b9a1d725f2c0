"""All requests of the service, a line each."""

from __future__ import annotations

from smartmask.studio.tasks.export import SERVICE as EXPORT
from smartmask.studio.tasks.insert import INSERT, REMOVE
from smartmask.studio.tasks.layout import LAYOUT, PLAN
from smartmask.studio.tasks.masks import SERVICE as MASKS
from smartmask.studio.tasks.service import Service

SERVICES: tuple[Service, ...] = (MASKS, INSERT, REMOVE, LAYOUT, PLAN, EXPORT)
