"""The text vocabulary: word vectors, synonyms and captions come in, the tables of ``text/encoder.py`` go out.

It never runs a network: everything has a closed form.
"""
