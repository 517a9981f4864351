import pandas as pd

from benchmark import Count, Finding, Share, Study, UsageError, difference, experiment, without_result

from ._arms import best, summary
from ._options import AmountsOrNone, Shares, shares, with_option
from ._transfer import LEARNED, drawn, file_name, has_learned, matches, matrix, over_levels, short

SMALL = "sst2:examples=1000,length=40,rate=0.001,precision=bfloat16;mlm:length=20,rate=0.001,precision=bfloat16"
"""Targets that two cores train and measure in ten minutes."""

FOUND = "imp:rewind=0,fraction=0.3"
"""How tickets are found: a global ranking, three tenths of the survivors a round, back to the start each time."""

BESIDE = {"one-shot": "magnitude:when=init", "random": "random"}
"""Masks that do not depend on a task."""

UNDONE = {"reinit": "re-initialised", "relayer": "layers exchanged"}
"""What the masks of a ticket are trained from in place of the start, by the name of the control."""

ARMS = ["ticket", *BESIDE, *UNDONE.values()]

ELSEWHERE = "moved"
"""The arm of a ticket on another task than its own."""


@experiment(
    paper="arXiv:2007.12223",
    full={
        "targets": "sst2:examples=4000,length=40,precision=bfloat16;mlm:length=40,precision=bfloat16",
        "model": "minilm",
        "steps": 375,
        "seeds": 5,
        "sparsities": "0.4,0.5,0.6,0.7",
        "rates": "0.001",
    },
    smoke={
        "targets": "digits;digits:examples=600",
        "model": "mlp",
        "start": "pretraining",
        "pretraining": "digits:examples=1000",
        "rates": "0.1",
    },
)
def ticket_transfer(
    study: Study,
    *,
    targets: str = SMALL,
    model: str = "minilm:layers=2",
    start: str = "files",
    pretraining: str = "mlm",
    steps: Count = 30,
    seeds: Count = 3,
    sparsities: Shares = "0.5",
    rates: AmountsOrNone = "",
    gain: Share = 0.02,
) -> None:
    """Do tickets of one pre-trained network serve all of its tasks (Chen et al., 2020)?

    A ticket is what iterative magnitude pruning leaves on one task, trained from the pre-trained values on this or on
    another task. It is compared with the largest weights of the pre-trained network itself, the same for every task;
    random masks; and the ticket's masks with other weights, re-initialised or with those of equal layers exchanged. A
    ticket matches the dense network if its mean is at most a standard deviation lower; it is universal if it matches on
    every task. First of all, pre-training has to help: randomly initialised networks, at the best of their rates, must
    be worse. The authors prune a tenth of all weights per round; here it is three tenths of those that are left, and
    each round starts from the initial head.

    Options:
        targets: tasks whose networks have the same prunable weights, as for `--task`, separated by ;
        model: the model of all of them
        start: the start of the network, as for `--start`; or pretraining, for one that is trained here
        pretraining: the task that such a network is trained on
        steps: length of every training
        seeds: number of initial heads and data orders
        sparsities: shares of the weights that are pruned; the matrix is at the first
        rates: learning rates for randomly initialised networks, besides the targets' own
        gain: how much better the pre-trained network has to be
    """
    study.on(targets.split(";"), model=model, budget=f"{steps}-steps", seeds=seeds)
    begin = pretrained_here(study, pretraining) if start == "pretraining" else start
    both = study.runs("dense", start=[begin, ""])
    if both.attrs.get("direction") != "max":
        raise UsageError("targets of ticket-transfer are tasks that are ranked by what is better when it is higher")
    dense = both[both.start != ""].assign(arm="dense", source="dense")
    names = list(dict.fromkeys(dense.task))
    helped = pretraining_helps(study, dense, rates, gain)
    study.guard("pre-training helps on one task at least", best([*helped.values()]))
    levels = shares(sparsities)
    arms = masks_of_tasks(study, begin, levels)
    everything = pd.concat([dense, arms, from_tickets(study, begin, arms)], ignore_index=True)
    for name in names:
        claims(study, name, everything[everything.task == name], helped[name])
    first = everything[everything.sparsity.isin([0.0, levels[0]])]
    study.table(matrix(first, helped), f"score of each mask on each task, at sparsity {levels[0]:g}")
    shown = ["score", "trainings"]
    ran = everything[everything.status != "skipped"]
    called = ran.assign(task=ran.task.map(short), source=ran.source.map(short))
    ordered = called.sort_values("sparsity", kind="stable")
    study.table(summary(ordered, ["task", "sparsity", "source", "arm"], shown), "means over seeds")
    study.figure("transfer", drawn(first, helped))
    for name in names if len(levels) > 1 else []:
        study.figure(f"levels-{file_name(name, names)}", over_levels(everything[everything.task == name], name, ARMS))


def pretrained_here(study: Study, task: str) -> str:
    """The key of a network that is trained on a task; on masked words it must have learned more than the commonest."""
    trained = study.runs("dense", task=task, seeds=1)
    if finding := has_learned(trained):
        study.guard(f"pre-training is right {LEARNED} times as often as the commonest word", finding)
    key: str = trained.key.item()
    return key


def pretraining_helps(study: Study, dense: pd.DataFrame, rates: str, gain: float) -> dict[str, Finding]:
    """By task, how much better the start is than random initialisations, at the rate that validation chooses."""
    added = [f"rate={rate}" for rate in rates.split(",") if rate]
    tried = {name: [name, *(with_option(name, rate) for rate in added)] for name in dict.fromkeys(dense.task)}
    study.runs("dense", task=[task for tasks in tried.values() for task in tasks], start="")  # all in one sweep
    return {name: above_drawn(study, dense[dense.task == name], tasks, gain) for name, tasks in tried.items()}


def above_drawn(study: Study, dense: pd.DataFrame, tasks: list[str], gain: float) -> Finding:
    """How much better the start is on a task than the random initialisations that are best on validation."""
    scratch = [study.runs("dense", task=task, start="") for task in tasks]
    if lost := without_result(*scratch):
        return Finding.incomplete(lost)
    chosen = max(scratch, key=lambda runs: float(runs.validated.mean()))
    return difference(dense, chosen, above=gain, says=f"on {short(tasks[0])}")


def masks_of_tasks(study: Study, begin: str, levels: list[float]) -> pd.DataFrame:
    """Every arm on the task that it was made on; `source` is that task, where the arm depends on one."""
    runs = study.runs(FOUND, f"{FOUND},control=reinit", *BESIDE.values(), start=begin, sparsity=levels)
    by_name = {method.partition(":")[0]: arm for arm, method in BESIDE.items()}
    arms = runs.algorithm.map(by_name).fillna(runs.control.map({"": "ticket"} | UNDONE))
    return runs.assign(arm=arms, source=arms.where(arms.isin(list(BESIDE)), runs.task))


def from_tickets(study: Study, begin: str, arms: pd.DataFrame) -> pd.DataFrame:
    """Every ticket's masks on every other task, and on its own task from a start whose layers are exchanged."""
    tickets = arms[(arms.arm == "ticket") & (arms.status == "ok")]
    pairs = tickets.merge(arms[["task"]].drop_duplicates().rename(columns={"task": "target"}), how="cross")
    pairs["changed"] = pairs.task.eq(pairs.target).map({True: ",control=relayer", False: ""})
    runs = study.runs("ticket:of={key}{changed}", over=pairs, task="{target}", start=begin)
    if runs.empty:
        return runs
    sources = dict(zip(tickets.key, tickets.task, strict=True))
    arm = runs.control.map({"": ELSEWHERE} | UNDONE)
    return runs.assign(arm=arm, source=[sources[options["of"]] for options in runs.options])


def claims(study: Study, name: str, runs: pd.DataFrame, helps: Finding) -> None:
    """The claims about one task: that tickets match, and beat what lacks their masks or their values."""
    own, dense, everything = short(name), runs[runs.arm == "dense"], runs[runs.arm != ELSEWHERE]
    unhelpful = None
    if helps.verdict(None)[0] != "holds":
        unhelpful = Finding.uninformative(f"it is not shown that pre-training helps on {own}: {helps.shortfall}")
    for level, rows in runs[runs.arm != "dense"].groupby("sparsity"):
        applies = rows[(rows.arm != ELSEWHERE) & (rows.status != "skipped")]  # some networks have no layers to exchange
        arms = dict(iter(applies.groupby("arm")))
        found = {f"a ticket of {own} matches the dense network": matches(arms["ticket"], dense, everything)}
        for source, group in rows[rows.arm == ELSEWHERE].groupby("source"):
            found[f"a ticket of {short(source)} matches the dense network on {own}"] = matches(group, dense, everything)
        for arm in [arm for arm in ARMS[1:] if arm in arms]:
            better = difference(arms["ticket"], arms[arm], among=everything)
            found[f"a ticket of {own} is better than {arm}"] = better
        for sentence, finding in found.items():
            study.claim(f"{sentence}, at sparsity {level:g}", unhelpful or finding)
