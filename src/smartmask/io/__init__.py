"""Files, downloads, limits and requests: paths and values come in, checked values and atomically written files go out.

It never knows what a scene or a mask is, and never loads pickled weights.
"""
