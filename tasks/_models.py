"""Networks that several tasks use."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn


def mlp(*widths: int) -> nn.Sequential:
    """Flatten, then linear layers `fc1`, `fc2`, ... with ReLU between them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        layers[f"fc{number}"] = nn.Linear(inputs, outputs)
        if number < len(widths) - 1:
            layers[f"relu{number}"] = nn.ReLU()
    return glorot(nn.Sequential(layers))


def glorot(model: nn.Sequential) -> nn.Sequential:
    """Gaussian Glorot weights and zero biases, as Frankle & Carbin (2019) start their LeNets from."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
