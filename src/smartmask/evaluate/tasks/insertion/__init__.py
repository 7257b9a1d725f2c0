"""Insertion measured: test photographs come in, what each mask repaints and what an inpainter makes of it goes out.

It never shows a mask maker the photograph, nor the object that is to be inserted again.
"""
