import torch

from benchmark import Count, Run, algorithm, keep_units

from ._channels import channels, within_layers
from ._layerwise import Finetune, fine_tune, train_if_drawn
from ._maps import mean_over_maps


@algorithm(paper="arXiv:2002.10179", trains_once=False, family="after training", only="channels")
def hrank(run: Run, *, batches: Count = 5, finetune: Finetune = 1.0) -> None:
    """HRank: keep the channels whose feature maps have the highest rank, as matrices, on average (Lin et al., 2020).

    The score of a channel is the mean rank of its maps, behind the activation, over images and over the layers that
    read it. All layers lose the same share, up to one channel; the authors set a share for each by hand. A network that
    comes trained is pruned at once; else it is trained first.

    Options:
        batches: training batches whose maps are looked at; the authors' are 5 (lmbxmu/HRank, rank_generation.py)
    """
    pattern = channels(run)
    train_if_drawn(run)
    ranks = mean_over_maps(run, pattern, batches, torch.linalg.matrix_rank)
    run.prune(keep_units(within_layers(ranks, pattern), run.target, run.masks))
    fine_tune(run, finetune)
