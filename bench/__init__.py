"""The benchmark: Halftone's imaging core beside the other ways to make the same variants.

`docs/benchmark.md` says what is measured, how, and what the numbers were. Never imported by what ships.
"""
