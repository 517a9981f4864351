"""Graphs as edges, edits of them, and their spectra: for methods that prune edges, and for the reports on them."""
