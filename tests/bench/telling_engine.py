"""An engine whose variants are what it finds in its environment."""

import os


def prepare(_, job):
    return lambda: [os.environ["MALLOC_TOP_PAD_"].encode() for _ in job.sides]
