"""Batches: many pictures or scenes come in, a folder or a shard each goes out, exactly once; it never computes itself.

`tasks.py` says what a task is and what does it, `run.py` hands tasks to workers (`local.py` or `on_ray.py`) and
`ledger.py` knows what is done; `masks.py`, `captions.py` and `layouts.py` are the work. A batch that was killed at
any moment goes on with the same command, and one bad picture or one killed worker stops nothing else.
"""
