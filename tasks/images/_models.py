"""Networks and helpers that several tasks use."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn


def scaled(units: int, width: float) -> int:
    """Return the number of units of a layer at a width; at least one."""
    return max(1, round(width * units))


def mlp(inputs: int, *hidden_and_outputs: int, width: float = 1.0) -> nn.Sequential:
    """Return a multilayer perceptron with layers `fc1`, `fc2`, ... and ReLU; `width` scales the hidden ones."""
    *hidden, outputs = hidden_and_outputs
    widths = [inputs, *(scaled(units, width) for units in hidden), outputs]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        layers[f"fc{number}"] = nn.Linear(fan_in, fan_out)
        if number < len(widths) - 1:
            layers[f"relu{number}"] = nn.ReLU()
    return glorot(nn.Sequential(layers))


def glorot(model: nn.Sequential) -> nn.Sequential:
    """Initialise with Gaussian Glorot weights and zero biases, as Frankle & Carbin (2019) do for LeNets."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
