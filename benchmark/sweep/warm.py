"""What all workers need: the fork server imports this module once, before the first fork.

The names of the built-in plug-ins are looked up, which reads their files and imports none of them.
"""

from __future__ import annotations

from typing import get_args

import benchmark.plugins.chain
import benchmark.plugins.task
import benchmark.sweep.workers  # noqa: F401
from benchmark.plugins.plugin import Kind
from benchmark.plugins.sources import built_in

for kind in get_args(Kind):
    built_in(kind)
