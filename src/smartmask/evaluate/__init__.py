"""Measuring: packed layouts, photographs or reports come in; figures beside baselines, with intervals, go out.

It never trains what it judges (but a recipe judged by folds, and its own judges), and nothing of the project's other
packages uses it.
"""
