"""What a Ray process does: it has cells run by a cell server, which it starts with the first cell and keeps.

This file is sent to Ray as it is, and imports nothing from prunebench: Ray puts the working directory of the driver
first on the path of its processes, and that may have a folder `benchmark` that is not ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

SERVE = "from benchmark.launchers.cell_server import serve; serve()"

_servers: list[Server] = []
"""The one that this process has started, if any."""


class Server:
    """A cell server.

    Args:
        environment: the environment variables of its process.

    Raises:
        ImportError: it cannot be started, with the reason.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        with tempfile.TemporaryFile() as errors:
            command = [sys.executable, "-P", "-c", SERVE]  # -P: not the working directory
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=errors)
            first = self.line()
            if not first:
                self.process.communicate()
                errors.seek(0)
                raise ImportError((errors.read().decode(errors="replace").strip().splitlines() or ["no word"])[-1])
        self.folder = json.loads(first)["folder"]

    def line(self) -> bytes:
        """The next line that it prints; empty if it has ended."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def ask(self, request: bytes) -> bytes:
        """Its response to a request; empty if it has ended."""
        assert self.process.stdin
        try:
            self.process.stdin.write(request + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return b""
        return self.line()

    def bring(self, path: str, content: bytes) -> str:
        """Write a file that is not on this machine into the folder of the server, and say where."""
        name = hashlib.sha256(path.encode()).hexdigest() + os.path.splitext(path)[1]
        place = os.path.join(self.folder, name)
        if not os.path.exists(place):
            with open(f"{place}.part", "wb") as file:
                file.write(content)
            os.rename(f"{place}.part", place)
        return place


def answer(request: str, environment: dict[str, str], files: dict[str, Any]) -> dict[str, Any]:
    """Have a cell run on this machine.

    Args:
        request: JSON of a `benchmark.launchers.request.Request`.
        environment: variables of the driver that the server gets; `PYTHONPATH` comes before that of this machine.
        files: references of Ray to the content of files that the request names, by path.

    Returns:
        The response, as JSON, with the contents of the files that it names; or why no server can be started.
    """
    try:
        server = _server(_merged(environment))
    except ImportError as error:
        return {"unfit": f"{sys.executable} on {socket.gethostname()}: {error}"}
    response = server.ask(_with_files(server, request, files))
    if not response:
        os.kill(os.getpid(), signal.SIGKILL)  # this process is no good without; Ray tries again in another one
    told = json.loads(response)
    return {"response": response.decode(), **{name: _taken(told[name]) for name in ("masks", "log")}}


def _server(environment: dict[str, str]) -> Server:
    """The server of this process; another one where the environment differs, such as the GPU that Ray has given."""
    if _servers and _servers[0].environment == environment:
        return _servers[0]
    while _servers:
        old = _servers.pop()
        old.process.kill()
        old.process.communicate()
    _servers.append(Server(environment))
    return _servers[0]


def _merged(environment: dict[str, str]) -> dict[str, str]:
    """The environment of this process with variables of the driver."""
    merged = {**os.environ, **environment}
    paths = [variables.get("PYTHONPATH", "") for variables in (environment, dict(os.environ))]
    folders = dict.fromkeys(folder for path in paths for folder in path.split(os.pathsep) if folder)
    if folders:
        merged["PYTHONPATH"] = os.pathsep.join(folders)
    return merged


def _with_files(server: Server, request: str, files: dict[str, Any]) -> bytes:
    """The request, with the places of files that are brought from the driver's machine."""
    import ray

    lacking = {path: reference for path, reference in files.items() if not os.path.exists(path)}
    brought = {path: server.bring(path, ray.get(reference)) for path, reference in lacking.items()}
    return json.dumps({**json.loads(request), "brought": brought}).encode()


def _taken(path: str | None) -> bytes | None:
    """The content of a file, which is deleted."""
    if path is None:
        return None
    with open(path, "rb") as file:
        content = file.read()
    os.unlink(path)
    return content
