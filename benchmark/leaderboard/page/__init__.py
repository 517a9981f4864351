"""The leaderboard as one static HTML page, which needs no network and no other file.

Text from records is escaped, so that a record cannot inject a script.
"""

from benchmark.leaderboard.page.facts import Names
from benchmark.leaderboard.page.render import page

__all__ = ["Names", "page"]
