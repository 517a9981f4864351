"""A server that is a copy of the command: what workers find in it is what a new one has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from benchmark.sweep import forked_server
from benchmark.sweep.fork_server import ENVIRONMENT

LOOK = """
import json, os, signal, sys
from benchmark.sweep import fork_server

def looks(channel):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    files = [os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if int(one) > 2]
    channel.send_bytes(json.dumps({
        "environment": {name: os.environ.get(name) for name in fork_server.ENVIRONMENT},
        "handlers": [str(one) for one in handlers],
        "files": [file for file in files if not file.startswith(("/proc", "/dev"))],
        "algorithms": [name for name in sys.modules if name.startswith("benchmark.algorithms.")],
        "threads": sys.modules["torch"].get_num_threads(),
        "copied": sys.modules["__main__"].__dict__.get("here", False),
    }).encode())

if __name__ == "__main__":
    here = True
    kept = open(sys.argv[2], "w")
    signal.signal(signal.SIGTERM, lambda *_: None)
    context = fork_server.start(["benchmark.tasks.images.digits"], copy=sys.argv[1] == "copy")
    ours, theirs = context.Pipe()
    process = context.Process(target=looks, args=(theirs,))
    process.start()
    theirs.close()
    told = json.loads(ours.recv_bytes())
    process.join()
    told["afterwards"] = [name for name in fork_server.ENVIRONMENT if name in os.environ]
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a worker sees: of a server that is a copy, and of one that is new."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "look.py").write_text(LOOK)

    def of(kind: str) -> dict[str, Any]:
        command = [sys.executable, str(folder / "look.py"), kind, str(folder / "open")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        return json.loads(done.stdout)

    return {kind: of(kind) for kind in ("copy", "new")}


@pytest.mark.slow
def test_a_worker_of_a_copy_finds_what_one_of_a_new_server_does(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["copy"].pop("copied") is True
    assert seen["new"].pop("copied") is False
    assert seen["copy"] == seen["new"]
    assert seen["copy"]["environment"] == ENVIRONMENT
    assert seen["copy"]["threads"] == 1
    assert seen["copy"]["algorithms"] == seen["copy"]["files"] == []
    assert seen["copy"]["afterwards"] == [name for name in ENVIRONMENT if name in os.environ]


def test_a_process_that_has_loaded_what_reads_the_environment_is_not_copied() -> None:
    assert "numpy" in sys.modules
    assert not forked_server.copyable()
