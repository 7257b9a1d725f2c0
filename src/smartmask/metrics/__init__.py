"""Figures of merit: masks, boxes, features and votes come in as arrays, numbers with intervals go out.

It never reads a data set, and never knows which system it judges.
"""
