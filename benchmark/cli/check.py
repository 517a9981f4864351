"""`bench check`: test whether a plug-in follows the contract of its kind."""

from __future__ import annotations

from collections.abc import Callable

import click

from benchmark.cli.output import emit, format_option
from benchmark.plugins import catalog, registry
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice
from benchmark.studies.experiment import named

LOADERS: dict[catalog.Kind, Callable[[str], object]] = {
    "algorithm": registry.algorithm,
    "task": registry.task,
    "experiment": named,
}
"""Each raises what is wrong with a plug-in that cannot be used at all."""


@click.command()
@click.argument("names", nargs=-1, required=True)
@format_option
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], form: str) -> None:
    """Run the contract's rules on algorithms, tasks or experiments, your own or built-in; also on ./my_pruner.py."""
    asked_for = [choice.name for choice in known(map(Choice, names))]
    asked = [(name, kind) for name in dict.fromkeys(asked_for) for kind in catalog.kinds_of(name)]
    for name, kind in asked:
        LOADERS[kind](name)
    import torch

    from benchmark.contract.check import check as findings_of

    torch.set_num_threads(1)  # as in a worker; more threads slow down small networks
    tables, full, broken = {}, [], False
    for name, kind in asked:
        findings = list(findings_of(name, kind))
        broken |= any(finding.problem for finding in findings)
        texts = [f.problem or (f"does not apply: {f.idle}" if f.idle else "ok") for f in findings]
        title = name if catalog.kinds_of(name) == [kind] else f"{kind} {name}"
        tables[title] = [{"rule": f.rule, "": text} for f, text in zip(findings, texts, strict=True)]
        full += [{"name": name, "rule": f.rule, "problem": f.problem, "does not apply": f.idle} for f in findings]
    emit(form, tables, full)
    ctx.exit(1 if broken else 0)
