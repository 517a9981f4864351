"""Leaderboards: rows, comparisons, aggregates and figures, all computed from records alone."""

from benchmark.leaderboard.rows import Row, rows

__all__ = ["Row", "rows"]
