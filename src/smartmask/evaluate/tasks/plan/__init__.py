"""Planners measured: unseen scenes cut after each object come in, how well the next one was foretold goes out.

It never shows a planner what comes after the cut, but for the caption where it says so.
"""
