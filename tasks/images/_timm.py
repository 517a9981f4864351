"""Untrained networks of timm by name, `--model timm:resnet50`, for a task's classes, channels and image size."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from benchmark import UsageError, unknown_name

Zoo = Callable[[str], Callable[[], nn.Module]]


def zoo(classes: int, channels: int, size: int) -> dict[str, Zoo]:
    """Return `Task.model_zoos` for a task of square images.

    Args:
        size: edge of the images, in pixels.
    """
    return {"timm": partial(_constructor, classes=classes, channels=channels, size=size)}


@cache
def _constructor(name: str, *, classes: int, channels: int, size: int) -> Callable[[], nn.Module]:
    """Return a constructor, after one trial pass, so that unsuitable networks are an error before anything runs.

    Raises:
        UsageError: timm has no network of this name, or it does not take images of this size.
    """
    import timm  # slow to import, and needed by these models only
    from timm.layers.config import set_fused_attn

    set_fused_attn(False)  # plain attention is reproducible on GPUs, and twice differentiable (GraSP)
    if "." in name:
        plain = name.partition(".")[0]
        raise UsageError(
            f"networks start untrained here, and 'timm:{name}' names trained weights; use timm:{plain}, "
            f"and --start timm:{name} for these weights"
        )
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
        except Exception as error:  # networks raise all kinds of errors for a wrong size
            raise _why_not(name, channels, size, error) from error
    raise AssertionError("the second attempt passes no img_size")


def _try(make: Callable[[], Any], channels: int, size: int, classes: int) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        outputs = make().eval()(torch.zeros(2, channels, size, size))
    if outputs.shape != (2, classes):
        raise ValueError(f"its output has the shape {tuple(outputs.shape)}, not (2, {classes})")


def _why_not(name: str, channels: int, size: int, error: Exception) -> UsageError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UsageError(f"model 'timm:{name}' does not take images of {channels} x {size} x {size}: {reason}")
