"""Layouts: a phrase or a list of objects comes in, a scene of layers whose places and sizes agree goes out.

It names no object of its own accord (planners do) but what has to carry others (``furnish``), and never changes the
photo.
"""
