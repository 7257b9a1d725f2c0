"""The small networks as torch trains them: the same layers under the same names as where numpy runs them, and dropout.

Configs come in; modules go out, whose saved weights are what users' calls read. They are never part of such a call.
"""
