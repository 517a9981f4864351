"""Networks of timm by name, `--model timm:resnet50`: from scratch, fitted to a task's classes, channels and size."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from benchmark import UsageError, unknown_name

Zoo = Callable[[str], Callable[[], nn.Module]]


def zoo(classes: int, channels: int, size: int) -> dict[str, Zoo]:
    """`Task.model_zoos` of a task of square images.

    Args:
        size: edge of the images that the network sees, pixels.
    """
    return {"timm": partial(_constructor, classes=classes, channels=channels, size=size)}


@cache
def _constructor(name: str, *, classes: int, channels: int, size: int) -> Callable[[], nn.Module]:
    """Tried once, so that a network that does not take such images is an error before anything runs.

    Raises:
        UsageError: timm has no network of this name, or it does not take images of this size.
    """
    import timm  # takes a second, and is needed by these models alone
    from timm.layers.config import set_fused_attn

    set_fused_attn(False)  # plain attention repeats on a GPU, and can be differentiated twice (GraSP)
    if "." in name:
        plain = name.partition(".")[0]
        raise UsageError(f"weights are drawn anew here, and 'timm:{name}' names trained ones; ask for timm:{plain}")
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models(), "python -c 'import timm; print(timm.list_models())'")
    create = partial(timm.create_model, name, pretrained=False, num_classes=classes, in_chans=channels)
    for make in (partial(create, img_size=size), create):
        try:
            _try(make, channels, size, classes)
            return make
        except TypeError as error:
            if "img_size" not in str(error):
                raise _why_not(name, channels, size, error) from error
        except Exception as error:  # a network says in its own way that it cannot take this size
            raise _why_not(name, channels, size, error) from error
    raise AssertionError("the second takes no img_size, and cannot complain of one")


def _try(make: Callable[[], Any], channels: int, size: int, classes: int) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        outputs = make().eval()(torch.zeros(2, channels, size, size))
    if outputs.shape != (2, classes):
        raise ValueError(f"its output has the shape {tuple(outputs.shape)}, not (2, {classes})")


def _why_not(name: str, channels: int, size: int, error: Exception) -> UsageError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UsageError(f"model 'timm:{name}' does not take images of {channels} x {size} x {size}: {reason}")
