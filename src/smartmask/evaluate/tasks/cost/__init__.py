"""What the papers' tables cost at full size: assumptions come in, operations, hours, money and carbon go out.

Operations are counted on networks of the real classes and sizes, without memory for their weights. It runs no training
and never looks at a GPU.
"""
