"""The notes of a release are the section of its version, and a tag that does not fit stops it."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.support.command import ROOT

notes = runpy.run_path(str(ROOT / ".github" / "notes.py"))["notes"]

CHANGES = "# Changelog\n\n## 0.2.0 (2027-01-31)\n\n- A new method.\n\n## 0.1.0 (unreleased)\n\n- The first.\n"


def test_the_section_of_the_version_is_printed() -> None:
    assert notes("v0.2.0", CHANGES, "0.2.0") == "- A new method.\n"


@pytest.mark.parametrize(
    ("tag", "version", "says"),
    [
        ("v0.3.0", "0.2.0", "the tag is v0.3.0 and pyproject.toml has version 0.2.0"),
        ("v0.1.0", "0.1.0", "has no line '## 0.1.0 (YYYY-MM-DD)'"),
        ("v0.4.0", "0.4.0", "has no line '## 0.4.0 (YYYY-MM-DD)'"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, version: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        notes(tag, CHANGES, version)
