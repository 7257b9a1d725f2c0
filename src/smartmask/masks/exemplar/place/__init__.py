"""Where a thing could stand in a scene: remembered boxes of like things, weighed by what the scene says about them.

``layout`` reads the scene, ``usual`` remembers boxes, ``features`` and ``score`` weigh them, ``model`` covers what is
likely with one box a seed, ``depth`` says in front of what it stands.
"""

from smartmask.masks.exemplar.place.model import Placed, Places, load_places

__all__ = ["Placed", "Places", "load_places"]
