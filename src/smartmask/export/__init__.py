"""Exports: a scene or its layers come in, pictures for people and for other programs go out.

It never changes a scene, and no mask model sees what it draws (the vision-language planner does).
"""
