"""Readers: a data set's files come in, records of annotated pictures go out; one module a format, never a split."""
