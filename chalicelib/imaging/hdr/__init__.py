"""Gain maps, which tell displays that can show more than white how much brighter a photo is."""
