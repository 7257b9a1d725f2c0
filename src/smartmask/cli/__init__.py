"""The command line: typed words come in; results in files, and what there is to tell of them, go out.

It never computes a mask itself, and never imports what runs a command before that command is called.
"""
