"""Layouts measured: NSR-1K's prompts or the names of real scenes come in, accuracy and distances to real ones go out.

It never judges by the code that arranges: the data set's definitions are written here a second time.
"""
