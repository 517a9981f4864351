"""Connects to a Ray cluster, or starts one on this machine, without Ray's own output and usage reports."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

try:
    import ray
except ImportError:
    from benchmark.errors import PluginError

    raise PluginError("--launcher ray needs Ray, which is not installed: pip install 'prunebench[ray]'") from None

from benchmark.errors import PluginError, UsageError, one_line
from benchmark.plugins.sources import VARIABLE
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.interrupts import uninterrupted

__all__ = ["cluster", "connect", "device_of", "passed_on", "ray"]

PASSED_ON = ("PYTHONPATH", "PRUNEBENCH_PLUGINS", VARIABLE)
"""Variables of the driver that cell servers get, in addition to their own. They find the data by themselves."""

PATIENCE = 10
"""Seconds within which something has to answer at the address of a cluster."""

OF_LOCAL_CLUSTERS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it tells nobody
    "RAY_worker_niceness": "0",  # as other workers; Ray would have every other process of the machine go first
    "RAY_task_oom_retries": "3",  # by default a cell that is too large is tried for ever
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # without it, Ray warns of what a later version does
}
"""Variables that Ray is started with, unless the user has set them."""


def passed_on() -> dict[str, str]:
    """The variables that cell servers get; folders with their whole path."""
    there = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if path := there.get("PYTHONPATH"):
        there["PYTHONPATH"] = os.pathsep.join(os.path.abspath(folder) for folder in path.split(os.pathsep))
    return there


@contextmanager
def cluster(address: str | None, processors: int | None = None) -> Iterator[dict[str, str]]:
    """Connect to a cluster for as long as this context lasts; without an address to one that is started for it.

    Args:
        processors: the number of processors that a cluster on this machine declares; None for all.

    Yields:
        The environment of cell servers, besides their own.
    """
    with sweep_folder() as folder:
        try:
            if address is not None:
                connect(address)
                yield passed_on()
            else:
                _begin(address="local", num_cpus=processors, include_dashboard=False, _temp_dir=str(folder))
                yield {**passed_on(), "TMPDIR": str(folder)}  # Ray kills the servers: what they leave is deleted here
        finally:
            with uninterrupted():  # the process of a driver that is half shut down ends with exit code 1
                ray.shutdown()


def connect(address: str) -> None:
    """Connect to a cluster, unless this process is connected. Raises PluginError if there is none."""
    if not ray.is_initialized():
        _knock(address)
        _begin(address=address)


def _knock(address: str) -> None:
    """Raise PluginError if nothing listens at an address with a port. Ray itself tries again for minutes."""
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        if place.hostname and place.port:
            socket.create_connection((place.hostname, place.port), timeout=PATIENCE).close()
    except (OSError, ValueError) as error:  # ValueError: the port is no number
        raise PluginError(f"there is no Ray cluster at {address}: {one_line(error)}") from None


def device_of(device: str, address: str) -> str:
    """The device of the cells on a cluster. Raises UsageError if it has none."""
    if device == "cpu":
        return device
    connect(address)
    has = ray.cluster_resources().get("GPU", 0) > 0
    if device != "auto" and not has:
        raise UsageError(f"the Ray cluster {address} has no GPU; leave --device out to use its processors")
    return "cuda" if has else "cpu"


def _begin(**options: Any) -> None:
    """`ray.init`, which says nothing, and leaves signals as they are handled."""
    for name, value in OF_LOCAL_CLUSTERS.items():
        os.environ.setdefault(name, value)
    # Ray prints what dies on standard output, whatever is logged; it is not for the command's readers
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    handled = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except Exception as error:  # Ray raises many types
        what = f"there is no Ray cluster at {options['address']}" if "_temp_dir" not in options else "Ray cannot start"
        raise PluginError(f"{what}: {one_line(error)}") from error
    finally:
        signal.signal(signal.SIGTERM, handled)
