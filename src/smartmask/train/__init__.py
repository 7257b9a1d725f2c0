"""Training: packs and curated outlines of the training split come in, saved components with their figures go out.

It never learns from test layouts or outlines, and no call of a user needs it.
"""
