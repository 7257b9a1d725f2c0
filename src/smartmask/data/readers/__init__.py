"""Readers: a data set's files come in, records of annotated pictures go out; one module a format.

They never choose a split, and never leave a broken file without a word.
"""
