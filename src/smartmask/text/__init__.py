"""Text: names, phrases and labels come in, vectors, known names and usual sizes go out.

It never sees a picture, and never takes one name for another without telling which.
"""
