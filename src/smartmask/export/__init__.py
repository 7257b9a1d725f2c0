"""Exports: a scene, its layers and what was painted come in, pictures for people and files for other programs go out.

It never changes a scene, and no mask model sees what it draws (the vision-language planner does).
"""
