"""Masks: a scene and a request come in, ranked amodal masks go out; it never paints and never changes a scene.

`model.py` says what a mask model is; `pipeline.py` checks, asks the model, ranks and computes what is visible;
`exemplar/` is the bundled model.
"""
