"""Planners: a scene and what was asked for come in, proposals of the next object with reasons go out.

They never place an object: a proposal may hold a rough region, and ``layouts`` decides.
"""
