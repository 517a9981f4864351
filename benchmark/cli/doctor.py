"""`bench doctor`: check whether this machine can run the benchmark."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmark import machine
from benchmark.cli.output import emit, format_option, results_option
from benchmark.errors import BenchError
from benchmark.plugins import catalog, registry
from benchmark.studies import experiment


@click.command()
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the data sets.")
@results_option
@format_option
@click.pass_context
def doctor(ctx: click.Context, data_root: Path | None, results: Path, form: str) -> None:
    """Check Python, torch, devices, plug-ins, data sets, and whether the results folder can be written.

    Data sets that are not on this machine are listed as absent; corrupt ones are a problem. Exit code 3 if there is a
    problem.
    """
    findings = [*_environment(), *_plugins(), *_data(data_root), _writable(results)]
    emit(form, {"doctor": findings}, findings)
    ctx.exit(3 if any(finding["state"] == PROBLEM for finding in findings) else 0)


OK, ABSENT, PROBLEM = "ok", "absent", "PROBLEM"


def _finding(about: str, what: str, ok: bool = True) -> dict[str, Any]:
    return {"about": about, "state": OK if ok else PROBLEM, "what": what}


def _environment() -> list[dict[str, Any]]:
    findings = [_finding("python", platform.python_version(), sys.version_info >= (3, 11))]
    try:
        import torch
    except ImportError as error:
        return [*findings, _finding("torch", f"cannot be imported: {error}", ok=False)]
    release = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    findings.append(_finding("torch", f"{torch.__version__} (2.11 or later is needed)", release >= (2, 11)))
    findings.append(_finding("device", f"cpu, {machine.cores()} cores"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        findings.append(_finding("device", f"cuda:{index}, {torch.cuda.get_device_name(index)}"))
    return [*findings, _confinement()]


def _confinement() -> dict[str, Any]:
    """Say whether workers can be confined to a folder. If they cannot, records say so; that is not a problem."""
    from benchmark.sweep import confinement

    version = confinement.version()
    confined = f"confined to a folder of their own (Landlock {version})"
    return _finding("workers", confined if version else "not confined: this kernel has no Landlock (Linux 5.13)")


def _plugins() -> list[dict[str, Any]]:
    findings = []
    load: dict[catalog.Kind, Any] = {
        "algorithm": registry.algorithm,
        "task": registry.task,
        "experiment": experiment.named,
    }
    for kind, loader in load.items():
        good = []
        for name in catalog.plugins(kind):
            try:
                loader(name)
                good.append(name)
            except BenchError as error:
                findings.append(_finding(f"{kind}s", str(error), ok=False))
        findings.insert(0, _finding(f"{kind}s", f"{len(good)} load: {', '.join(good)}"))
    return findings


def _data(root: Path | None) -> list[dict[str, Any]]:
    from benchmark.data.folders import DataFolders, corrupt_files

    folders = DataFolders(root)
    here: dict[str, list[str]] = {}
    absent, findings = [], []
    for name in catalog.plugins("task"):
        try:
            source = registry.task(name).source
        except BenchError:
            continue  # reported with the plug-ins
        folder = folders.holding(source)
        if folder and (corrupt := corrupt_files(source, folder)):
            problem = f"{name}: in {folder}, but corrupt are {', '.join(corrupt)} (bench data verify {name})"
            findings.append(_finding("data", problem, ok=False))
        elif folder or not source.files:
            here.setdefault(f"in {folder}" if source.files else "embedded", []).append(name)
        else:
            absent.append(name)
    findings += [_finding("data", f"{place}: {', '.join(names)}") for place, names in here.items()]
    where = ", ".join(map(str, folders.roots))
    lacking = f"not in {where}: {', '.join(absent)} (bench data fetch NAME says how to get one)"
    return [*findings, {"about": "data", "state": ABSENT, "what": lacking}] if absent else findings


def _writable(results: Path) -> dict[str, Any]:
    """Check whether the results folder, or its nearest existing parent, can be written. Leaves no files behind."""
    folder = next(place for place in (results, *results.resolve().parents) if place.is_dir())
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"test")
    except OSError as error:
        return _finding("results", f"{folder} cannot be written: {error.strerror}", ok=False)
    return _finding("results", f"{results.resolve()} can be written")
