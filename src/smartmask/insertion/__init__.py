"""Insertion: a photo and named objects (or a region to clear) come in, the photo with their masks painted goes out.

It never changes a pixel outside the masks, and never hands the photo itself to an inserter.
"""
