"""Data sets: annotations of public sets come in; records, splits, curated outlines, packs and training pairs go out.

It trains nothing, and no call of a user needs it: masks, insertion and plan never import it.
"""
