"""Sheets for people: names come in, contact sheets of suggestions go out, and, with answers, the share that was read.

It never tells the reader of a blind sheet which outlines are real: the key is a file of its own.
"""
