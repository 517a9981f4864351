"""Leaderboards: rows, comparisons, aggregates and figures, all computed from records alone."""
