"""Planning: a sentence and a scene come in; the next object, places that agree, and whole layouts go out.

It never paints, and never draws an outline: masks come from the mask pipeline.
"""
