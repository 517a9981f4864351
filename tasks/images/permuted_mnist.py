from __future__ import annotations

from functools import partial

from benchmark import Count, Task, task

from ._mnist_streams import mnist
from ._streams import permuted, streamed


@task
def permuted_mnist(*, parts: Count = 5) -> Task:
    """Permuted MNIST: all ten digits in every part, their pixels in an order of its own (Goodfellow et al., 2014).

    Each part has ten outputs to itself, and the network is told the part.

    Options:
        parts: how many there are; the first one has the pixels in their own order
    """
    return streamed(mnist(10 * parts, partial(permuted, parts, 10), parts), classes=10)
