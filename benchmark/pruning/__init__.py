"""Choosing which weights to keep: masks, patterns, targets, rankings and layer densities."""
