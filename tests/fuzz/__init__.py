"""Fuzzing: every reader, schema and parser given damaged and hostile inputs, within limits of memory and time.

``make fuzz`` runs all targets for some minutes; what was found once lies in ``corpus/`` and is tried by every test run.
"""
