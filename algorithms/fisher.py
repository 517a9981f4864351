from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark import Count, Positive, Run, algorithm, keep_top

from ._layerwise import Finetune, fine_tune, train_if_drawn


@algorithm(paper="arXiv:2004.14340", trains_once=False, family="after training")
def fisher(
    run: Run,
    *,
    block: Count = 50,
    examples: Count = 1024,
    size: Count = 1,
    damping: Positive = 1e-7,
    correct: bool = True,
    rounds: Count = 1,
    finetune: Finetune = 0.0,
) -> None:
    """Fisher: remove what the empirical Fisher matrix says is cheap, and correct the rest (Singh & Alistarh, 2020).

    WoodFisher's and oBERT's optimal brain surgeon, with the Fisher matrix in blocks of consecutive weights (Kurtic et
    al., 2022, whose defaults these are); `block=1,correct=false` is optimal brain damage (LeCun et al., 1990). The
    corrections of weights that go together are added up, as in both papers' code. Counts are exact; the threshold of
    WoodFisher's code (IST-DASLab/WoodFisher) removes one weight more. A network that comes trained is pruned at once;
    else it is trained first.

    Options:
        block: weights in a block; the memory is that of so many networks
        examples: gradients that the matrix is made of, new ones in every round
        size: training examples in each of them; WoodFisher's are of one example, oBERT's of a batch
        damping: added to the diagonal of the matrix
        correct: change the other weights of a block for each one that goes
        rounds: prunings on a geometric schedule, with a new matrix and a part of the fine-tuning for each
    """
    train_if_drawn(run)
    for done in range(1, rounds + 1):
        weights, live = run.weights, run.masks
        inverses = inverse_fisher(run, block, examples, size, damping)
        scores = {name: inverses[name].saliency(weight) for name, weight in weights.items()}
        run.prune(keep_top(scores, run.target.at_progress(done / rounds), among=live))
        if correct:
            gone = {name: live[name] & ~mask for name, mask in run.masks.items()}
            run.write({name: w + inverses[name].correction(w, gone[name]) for name, w in weights.items()})
        fine_tune(run, finetune, rounds)


@dataclass
class Inverse:
    """The inverse of the Fisher matrix of one tensor, in blocks of its flattened weights.

    Args:
        blocks: float64 [blocks, size, size].
        shape: of the tensor, whose last block is filled up with zeros.
    """

    blocks: Tensor
    shape: torch.Size

    def add(self, gradient: Tensor, count: int) -> None:
        """Add the outer product of one of `count` gradients (Sherman & Morrison; Singh & Alistarh, 2020, eq. 8)."""
        g = self._blocked(gradient)
        product = torch.einsum("bij,bj->bi", self.blocks, g)
        scale = count + (g * product).sum(dim=1)
        self.blocks.baddbmm_(product[:, :, None], (product / scale[:, None])[:, None], alpha=-1)

    def saliency(self, weight: Tensor) -> Tensor:
        """The loss that removing each weight costs: w^2 / (2 [F^-1]_qq)."""
        return self._shaped(self._blocked(weight) ** 2 / (2 * self._diagonal))

    def correction(self, weight: Tensor, gone: Tensor) -> Tensor:
        """The change of the weights for those that go: the sum of -w_q / [F^-1]_qq F^-1_q, each as if it went alone."""
        removed = self._blocked(weight * gone) / self._diagonal
        return self._shaped(-torch.einsum("bij,bj->bi", self.blocks, removed)).to(weight.dtype)

    @property
    def _diagonal(self) -> Tensor:
        return self.blocks.diagonal(dim1=1, dim2=2)

    def _blocked(self, values: Tensor) -> Tensor:
        size = self.blocks.shape[1]
        return F.pad(values.double().flatten(), (0, -values.numel() % size)).view(-1, size)

    def _shaped(self, values: Tensor) -> Tensor:
        return values.flatten()[: self.shape.numel()].view(self.shape)


def inverse_fisher(run: Run, block: int, examples: int, size: int, damping: float) -> dict[str, Inverse]:
    """The inverse of the damped empirical Fisher matrix of the weights that are kept, by tensor."""
    inverses = {name: begun(weight, block, damping) for name, weight in run.weights.items()}
    for gradients in run.example_gradients(examples, size):
        for name, gradient in gradients.items():
            inverses[name].add(gradient * run.masks[name], examples)
    return inverses


def begun(weight: Tensor, block: int, damping: float) -> Inverse:
    """The inverse of the damping alone."""
    size = min(block, weight.numel())
    eye = torch.eye(size, dtype=torch.float64, device=weight.device) / damping
    return Inverse(eye.repeat(-(-weight.numel() // size), 1, 1), weight.shape)
