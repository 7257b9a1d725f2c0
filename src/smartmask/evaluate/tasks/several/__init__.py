"""Several objects measured: real scenes and phrases come in; relations kept, unwanted overlap and sizes go out.

It never judges sizes by the model that chose them.
"""
