"""Prunebench in Python, for notebooks and scripts: `evaluate`, `records`, `board` and `plot`."""
