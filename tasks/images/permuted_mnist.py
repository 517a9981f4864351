from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from benchmark import Task, task

from ._mnist_streams import mnist
from ._streams import permuted, streamed


@task
def permuted_mnist(*, parts: Annotated[int, Field(ge=2)] = 5) -> Task:
    """Permuted MNIST: all ten digits in every part, their pixels in an order of its own (Goodfellow et al., 2014).

    Each part has ten outputs to itself, and the network is told the part.

    Options:
        parts: how many there are; the first one has the pixels in their own order
    """
    return streamed(mnist(10 * parts, partial(permuted, parts, 10), parts), classes=10)
