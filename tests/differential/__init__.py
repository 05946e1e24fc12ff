"""Random networks in every format that others write, each against the format's own executor.

`python -m tests.differential --format a --seed 0 --count 500` runs many; `test_formats.py` a few of each.
"""
