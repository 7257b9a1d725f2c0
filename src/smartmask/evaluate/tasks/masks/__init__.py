"""Masks measured: unseen objects and a kind of guide come in, overlap beside all baselines in the same run goes out.

It never shows a system what is inside the object's box, and never picks its pictures by eye.
"""
