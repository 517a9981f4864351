"""`bench check`: test whether a plug-in follows the contract of algorithms or tasks."""

from __future__ import annotations

import click

from benchmark.cli.output import emit, format_option
from benchmark.errors import UsageError
from benchmark.plugins import catalog, registry


@click.command()
@click.argument("names", nargs=-1, required=True)
@format_option
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], form: str) -> None:
    """Run the contract's rules on algorithms or tasks, your own or built-in."""
    kinds: dict[str, catalog.Kind] = {}
    for name in names:
        kinds[name] = catalog.kind_of(name)
        if kinds[name] == "experiment":
            raise UsageError(f"'{name}' is an experiment; bench check knows rules for algorithms and tasks")
        registry.algorithm(name) if kinds[name] == "algorithm" else registry.task(name)
    import torch

    from benchmark.contract.check import check as findings_of

    torch.set_num_threads(1)  # as in a worker; more threads slow down small networks
    tables, full, broken = {}, [], False
    for name, kind in kinds.items():
        findings = list(findings_of(name, kind))
        broken |= any(finding.problem for finding in findings)
        texts = [f.problem or (f"does not apply: {f.idle}" if f.idle else "ok") for f in findings]
        tables[name] = [{"rule": f.rule, "": text} for f, text in zip(findings, texts, strict=True)]
        full += [{"name": name, "rule": f.rule, "problem": f.problem, "does not apply": f.idle} for f in findings]
    emit(form, tables, full)
    ctx.exit(1 if broken else 0)
