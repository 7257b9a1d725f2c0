"""Scenes: photographs, label maps and panoptic maps come in, one immutable ``Scene`` of ordered amodal layers goes out.

It never suggests a mask, never paints, and knows nothing of guides or of text.
"""

from smartmask.scene.layer import Layer
from smartmask.scene.scene import Scene

__all__ = ["Layer", "Scene"]
