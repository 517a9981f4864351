"""The leaderboard as one static page: no network, no other file, and nothing in it that a record could run."""

from benchmark.leaderboard.page.facts import Names
from benchmark.leaderboard.page.render import page

__all__ = ["Names", "page"]
