"""The main job of the command line, for tests that read what it leaves."""

from __future__ import annotations

from tests.support.command import SMOKE

MAIN_JOB = ["run", "--algo", "dense,imp,snip,random,magnitude", *SMOKE, "--seeds", "2", "--jobs", "2"]
