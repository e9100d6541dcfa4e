"""Bytes in, bytes out: what Halftone does to pictures, without a cloud in sight. Begin with `render.py`."""
