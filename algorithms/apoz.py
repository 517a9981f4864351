from torch import Tensor

from benchmark import Count, Run, algorithm, keep_units

from ._channels import channels, within_layers
from ._layerwise import Finetune, fine_tune, train_if_drawn
from ._maps import mean_over_maps


@algorithm(paper="arXiv:1607.03250", trains_once=False, family="after training", only="channels")
def apoz(run: Run, *, batches: Count = 5, finetune: Finetune = 1.0) -> None:
    """APoZ: keep the channels whose activations are least often 0 (Hu et al., 2016).

    The average percentage of zeros is taken over positions and images (eq. 1), and over the layers that read a channel,
    as they read it: behind pooling, if there is any. All layers lose the same share, up to one channel. A network that
    comes trained is pruned at once; else it is trained first. The authors prune and train a few layers at a time.

    Options:
        batches: training batches whose activations are looked at
    """
    pattern = channels(run)
    train_if_drawn(run)
    shares = mean_over_maps(run, pattern, batches, share_of_zeros)
    run.prune(keep_units(within_layers(-shares, pattern), run.target, run.masks))
    fine_tune(run, finetune)


def share_of_zeros(maps: Tensor) -> Tensor:
    """Of each map: [n, channels, rows, columns] to [n, channels]."""
    return (maps == 0).double().mean(dim=(2, 3))
