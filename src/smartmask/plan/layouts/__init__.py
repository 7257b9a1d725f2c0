"""Layouts: a phrase or a list of objects comes in, a scene of layers whose places and sizes agree goes out.

It never names an object of its own accord (planners do), and never changes the photo.
"""
