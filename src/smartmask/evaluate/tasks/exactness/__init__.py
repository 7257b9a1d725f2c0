"""The promise of insertion tried at random: photographs, masks and options come in; pixels changed outside go out.

It never asks the code that pastes what it has changed.
"""
