"""Shards: tar files in WebDataset's form, read in turn from a disk or by URL. A folder or address comes in; records,
each once an epoch, in an order that the seed alone decides, go out. What is read is never run: an
address that is a command is refused.
"""
