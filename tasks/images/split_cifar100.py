from __future__ import annotations

from dataclasses import replace
from typing import Literal

from benchmark import Task, task

from ._cifar import STYLES, cifar
from ._cifar100 import ARCHIVE, STATISTICS
from ._streams import streamed


@task
def split_cifar100(*, parts: Literal[5, 10, 20] = 10) -> Task:
    """Split CIFAR-100: photographs of 100 classes, some of them at a time (Zenke et al., 2017).

    The networks without batch norm, conv-2, conv-4 and conv-6, keep the answers of earlier parts exactly; methods that
    promise to do so are not applicable to the others.

    Options:
        parts: how many there are, with 20, 10 or 5 classes each
    """
    base = cifar(ARCHIVE, 100, STATISTICS, STYLES["openlth"])
    plain_first = dict(sorted(base.models.items(), key=lambda pair: not pair[0].startswith("conv-")))
    return streamed(replace(base, models=plain_first), classes=100 // parts)
