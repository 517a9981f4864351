"""Data-free replay of DSN: an earlier part tries, on inputs that its own network imagines, units that others use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark import Run, StreamPart
from benchmark.scores import Tensors

from ._descent import Adam, Descent, learned
from ._gates import clamped, drawn, gated, masks_between, sharpness, slope_of

IMAGES, BATCH = 256, 64
STEPS, RATE = 200, 0.01
"""Of Adam on the imagined inputs."""

EPOCHS, GATE_RATE = 10, 0.05
"""Of SGD on the gates that are opened again."""

LOGITS = 0.3
"""Weight of the squared distance to the logits of before."""

SPREADS = (1.0, 0.1)
"""Factors of the similarities of classes, which give smooth targets and peaked ones."""

LEAST = 0.05
"""The smallest similarity, so that every class may be a target."""


@contextmanager
def aside(rng: torch.Generator) -> Iterator[None]:
    """Draws within this context are others than those after it, which are as if there had been none."""
    before = rng.get_state()
    rng.manual_seed(int(torch.randint(2**62, (), generator=rng)))
    yield
    rng.set_state(before)


@dataclass
class Transfer:
    """What is known of an earlier part without its data.

    Args:
        units: that it uses, bool [units] by the name of their weights, layer after layer.
        shape: of one input.
    """

    part: StreamPart
    units: Tensors
    shape: Sequence[int]

    def attempt(self, run: Run, used: Tensors) -> bool:
        """Try to use more of the units that any part uses, whose weights are frozen; nothing else changes.

        Returns:
            whether the validation accuracy of the part has risen. If not, its masks are as they were.
        """
        if not any(bool((used[name] & ~mine).any()) for name, mine in self.units.items()):
            return False
        masks, before = self.part.masks, self.part.evaluate()["accuracy"]
        units = self._opened(run, used, self._imagined(run))
        self.part.uses(masks_between(units, run.weights))
        if self.part.evaluate()["accuracy"] > before:
            self.units = units
            return True
        self.part.uses(masks)
        return False

    def outputs(self, run: Run, inputs: Tensor, gates: Tensors) -> Tensor:
        """The part's own outputs for inputs, [n, classes], with gates on the units: differentiable in both."""
        labels = torch.full((len(inputs),), self.part.rows.start, device=inputs.device)
        whole = run.outputs((inputs, labels), gated(run.parameters, gates))
        return whole[:, self.part.rows]

    def _imagined(self, run: Run) -> Tensor:
        """Inputs, from noise, for which the part's network answers as drawn from a Dirichlet distribution."""
        noise = torch.randn(IMAGES, *self.shape, generator=run.rng)
        inputs = {"inputs": noise.to(next(iter(run.weights.values())))}
        targets, hard = self._targets(run), {name: mine.float() for name, mine in self.units.items()}
        adam = Adam(inputs)
        for _ in range(STEPS):
            trial = inputs["inputs"].detach().clone().requires_grad_()
            distance = -(targets * self.outputs(run, trial, hard).log_softmax(dim=1)).sum(dim=1).mean()
            [gradient] = torch.autograd.grad(distance, [trial])
            adam.step({"inputs": gradient}, RATE)  # down: the answers come to the targets
        return inputs["inputs"]

    def _targets(self, run: Run) -> Tensor:
        """Soft targets [IMAGES, classes], around every class in turn: similar classes share more of them."""
        head = [value for name, value in run.parameters.items() if name not in run.weights and value.dim() > 1][-1]
        vectors = F.normalize(head[self.part.rows].flatten(1).double(), dim=1)
        alike = ((1 + vectors @ vectors.T) / 2).clamp_min(LEAST).cpu().numpy()
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=run.rng)))
        rows = [
            draw.dirichlet(SPREADS[number % len(SPREADS)] * alike[number // len(SPREADS) % len(alike)])
            for number in range(IMAGES)
        ]
        return torch.from_numpy(np.stack(rows)).to(head)

    def _opened(self, run: Run, used: Tensors, inputs: Tensor) -> dict[str, Tensor]:
        """The part's units, and those of others whose fresh gates end open."""
        hard = {name: mine.float() for name, mine in self.units.items()}
        others = {name: (used[name] & ~mine).float() for name, mine in self.units.items()}
        with torch.no_grad():
            stored = self.outputs(run, inputs, hard)
        gates, epoch = learned(drawn(run)), IMAGES // BATCH
        descent = Descent(gates, momentum=0.0)
        for step in range(EPOCHS * epoch):
            s, rows = sharpness(step, epoch), slice(step % epoch * BATCH, (step % epoch + 1) * BATCH)
            soft = {name: hard[name] + others[name] * (s * e).sigmoid() for name, e in gates.items()}
            answers = self.outputs(run, inputs[rows], soft)
            loss = F.cross_entropy(answers, stored[rows].argmax(dim=1)) + LOGITS * F.mse_loss(answers, stored[rows])
            slopes = torch.autograd.grad(loss, list(gates.values()))
            for e, slope in zip(gates.values(), slopes, strict=True):
                e.grad = slope_of(e.detach(), s, slope, torch.zeros_like(slope))
            descent.step(GATE_RATE)
            clamped(gates, gates)
        return {name: mine | ((others[name] > 0) & (gates[name].detach() > 0)) for name, mine in self.units.items()}
