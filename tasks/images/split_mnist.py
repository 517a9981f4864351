from benchmark import Task, task

from ._mnist_streams import mnist
from ._streams import streamed


@task
def split_mnist() -> Task:
    """Split MNIST: handwritten digits, two classes at a time (Zenke et al., 2017)."""
    return streamed(mnist(outputs=10), classes=2)
