"""Whether a network is trained in sparse steps (`benchmark.training.sparse_steps`), which know few kinds of networks.

They are made for flat inputs, linear layers with ReLU between them, cross-entropy, SGD and Adam, in float32
(`why_not`); a step of plain code has to agree before they are used, and again once the data or the recipe are others.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import nn

from benchmark.data.splits import Data
from benchmark.pruning.masks import Masks
from benchmark.training.engine import Engine
from benchmark.training.recipe import Recipe
from benchmark.training.recording import SPARSE
from benchmark.training.sparse_steps import SparseSteps

CROSSOVER = 0.4
"""The share of kept weights below which they are faster than dense steps (`python -m tests.speed_sparse`)."""


def available() -> bool:
    """Whether Numba is installed, which compiles them."""
    return find_spec("numba") is not None


def perceptron(model: nn.Module) -> dict[str, nn.Linear]:
    """The layers of a perceptron by name, inputs first; empty if the network is anything else."""
    if type(model) is not nn.Sequential or any(_hooked(module) for module in model.modules()):
        return {}
    layers: dict[str, nn.Linear] = {}
    apart = True  # whether a linear layer may come
    for name, module in model.named_children():
        if type(module) is nn.Linear and apart and module.bias is not None:
            layers[name], apart = module, False
        elif type(module) is nn.ReLU and not apart:
            apart = True
        elif type(module) is nn.Flatten and not layers and (module.start_dim, module.end_dim) == (1, -1):
            pass
        elif not (type(module) is nn.Identity or (type(module) is nn.Dropout and module.p == 0)):
            return {}
    return {} if apart or len(set(layers.values())) < len(layers) else layers


def _hooked(module: nn.Module) -> bool:
    """Whether a module does more than its type says."""
    hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
    return any(hooks) or "forward" in vars(module)


def why_not(model: nn.Module, recipe: Recipe) -> str:
    """Why a network cannot be trained in sparse steps by a recipe; empty if it can."""
    layers = perceptron(model)
    if not layers:
        return "sparse steps are for perceptrons: linear layers with biases, and ReLU between them"
    if recipe.clip or recipe.precision != "float32" or recipe.early:
        return "sparse steps are for recipes in float32, without clipping and with one loss"
    if any(p._backward_hooks or p._post_accumulate_grad_hooks for p in model.parameters()):
        return "sparse steps are for networks whose gradients no hook changes"
    if any(not p.requires_grad or p.dtype != torch.float32 or p.is_cuda for p in model.parameters()):
        return "sparse steps are for networks on the CPU all of whose parameters are trained"
    return ""


class SparseTraining:
    """Decides when a network is trained in sparse steps.

    Args:
        engine: trains the weights.
        below: the share of kept weights below which it is, where it can be; 0 for never.
    """

    def __init__(self, model: nn.Module, engine: Engine, below: float) -> None:
        self._model, self._engine, self._below = model, engine, below
        self._steps: SparseSteps | None = None
        self._agreed: tuple[Data, Recipe] | None = None

    def steps(self, masks: Masks) -> SparseSteps | None:
        """The sparse steps of a network with these masks; None if plain ones are to be made."""
        if masks.density >= self._below or self._engine.fixed.held or why_not(self._model, self._engine.recipe):
            return None
        steps = self._of(masks)
        if not self._known() and not steps.agrees(self._engine.backward()):
            self._below = 0.0
            self._engine.recording.tell("plain: sparse steps do not agree with it")
            return None
        self._agreed = self._engine.batches.data, self._engine.recipe
        self._engine.recording.tell(f"{SPARSE}{self._below:g}")
        return steps

    def _of(self, masks: Masks) -> SparseSteps:
        """The steps of these masks, in batches of the size that they have now."""
        if not self._steps or not self._steps.fit(masks):
            self._steps = SparseSteps(perceptron(self._model), self._engine, masks)
        return self._steps

    def _known(self) -> bool:
        """Whether steps on these data, by this recipe, have agreed with plain ones."""
        if self._agreed is None:
            return False
        data, recipe = self._agreed
        return data is self._engine.batches.data and recipe == self._engine.recipe
