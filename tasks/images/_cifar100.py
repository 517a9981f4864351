"""Where CIFAR-100 comes from, and its statistics."""

from __future__ import annotations

from ._cifar import Archive

ARCHIVE = Archive(
    "cifar-100-python",
    "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-python",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
)

STATISTICS = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
"""Mean and standard deviation of the 50,000 training images, by channel."""
