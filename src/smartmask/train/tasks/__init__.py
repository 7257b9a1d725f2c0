"""Tasks, one file a network: settings come in; a network with its stream, loss, figures and way to be saved goes out.

A task never runs itself: ``train/trainer.py`` does.
"""
