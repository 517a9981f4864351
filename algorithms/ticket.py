from benchmark import Key, Run, algorithm


@algorithm(paper="arXiv:2007.12223", family="before training")
def ticket(run: Run, *, of: Key = "") -> None:
    """Ticket: the masks that another record found, trained from this run's start (Chen et al., 2020).

    It is asked for at the sparsity and in the pattern of that record.

    Options:
        of: the record whose masks are taken
    """
    run.prune(run.found(of))
    run.train()
