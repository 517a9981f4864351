from copy import copy
from typing import Any

import torch

from benchmark import Run, Share, algorithm


@algorithm(paper="arXiv:1907.10903", prunes=None, trains_once=False, family="data edits", needs="edges")
def dropedge(run: Run, *, drop: Share = 0.2, directed: bool = False) -> None:
    """DropEdge: train on another random subset of the edges at every step, none of them pruned (Rong et al., 2020).

    This is a regulariser: no edge is removed for good, and validation and test use all edges.

    Options:
        drop: share of the edges left out of a step
        directed: draw the two directions of an edge independently, as the original code does
    """

    def thin(batch: Any, draws: torch.Generator) -> Any:
        source, target = batch.edge_index.cpu()
        nodes = int(batch.num_nodes)
        name = source * nodes + target if directed else torch.minimum(source, target) * nodes + source.maximum(target)
        edges, which = name.unique(return_inverse=True)
        order = torch.randperm(len(edges), generator=draws)
        kept = torch.ones(len(edges), dtype=torch.bool)
        kept[order[: round(drop * len(edges))]] = False
        mask = kept[which].to(batch.edge_index.device)
        thinned = copy(batch)
        thinned.edge_index = batch.edge_index[:, mask]
        for attribute in ("edge_attr", "edge_weight"):
            if (values := batch.get(attribute)) is not None:
                thinned[attribute] = values[mask]
        return thinned

    run.augment(thin)
    run.train()
