"""Places: a scene and a name come in; a box and a depth a seed go out, from remembered boxes of like things.

It never sees an outline but for its size, and never a pixel. ``layout`` reads the scene, ``usual`` remembers boxes,
``features`` and ``score`` weigh them, ``model`` covers what is likely with one box a seed, ``depth`` says in front of
what it stands.
"""

from smartmask.masks.exemplar.place.model import Placed, Places, load_places

__all__ = ["Placed", "Places", "load_places"]
