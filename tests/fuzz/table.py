"""All targets by name: a new reader, schema or parser of what comes from outside gets one here."""

from fuzz import folders, pictures, requests, scenes
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for target in (*scenes.TARGETS, *requests.TARGETS, *pictures.TARGETS, *folders.TARGETS)
}
