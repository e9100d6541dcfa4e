"""Colour spaces: what a file says of its own, and the way from there to sRGB."""
