"""Graphs as edges, edits of them, and their spectra: for methods that prune edges, and for what is told of them."""
