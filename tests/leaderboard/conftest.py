"""The page of a few records in a browser, for the tests that drive it."""

from tests.support.browser import browser, html, visit

__all__ = ["browser", "html", "visit"]
