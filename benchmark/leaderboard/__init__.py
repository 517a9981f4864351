"""Leaderboards: rows, comparisons, aggregates and pictures, all of them pure functions of records."""

from benchmark.leaderboard.rows import Row, rows

__all__ = ["Row", "rows"]
