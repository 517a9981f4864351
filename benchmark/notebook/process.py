"""A process that has cells run, as `bench run` does: one for each call of `evaluate`.

The notebook itself has threads, an event loop and perhaps CUDA, none of which survives a fork, and modules that were
imported before they were edited. The process has none of these. It ends when the notebook interrupts it, or ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark import errors
from benchmark.errors import BenchError, PluginError, one_line


def answered(words: Mapping[str, Any], results: Path, means: Mapping[str, Any]) -> list[str]:
    """The keys of the records of all requested cells, whether or not they had to be run.

    Args:
        words: the request, with the keys and values of a sweep file (`benchmark.sweep.sweep_file`).
        means: the arguments of `benchmark.cli.answering.Means`, with the engine in place of `place`.

    Raises:
        UsageError, PluginError, DataMissing: as for `bench run`.
    """
    with tempfile.TemporaryDirectory(prefix="prunebench-") as folder:
        into = Path(folder, "answer.json")
        _run({"words": dict(words), "results": os.fspath(results), "means": dict(means), "into": os.fspath(into)})
        answer = json.loads(into.read_text())
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return list(answer["keys"])


def _run(asked: Mapping[str, Any]) -> None:
    """Run a process to its end, and pass on what it says."""
    on_a_terminal = sys.stderr is sys.__stderr__ and bool(sys.__stderr__ and sys.__stderr__.isatty())
    with subprocess.Popen(
        [sys.executable, "-m", __spec__.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=None if on_a_terminal else subprocess.PIPE,
        env=_environment(on_a_terminal),
        text=True,
        start_new_session=True,  # Ctrl-C reaches it once, from here
    ) as process:
        assert process.stdin
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            for line in process.stderr or ():
                print(line, end="", file=sys.stderr)
            process.wait()
        except KeyboardInterrupt:
            process.stdin.close()
            for line in process.stderr or ():
                print(line, end="", file=sys.stderr)
            process.wait()
            raise
    if process.returncode:
        raise PluginError(f"the process that runs the cells ended with exit code {process.returncode}")


def _environment(on_a_terminal: bool) -> dict[str, str]:
    """The environment of a process that imports what this one can import, whatever is in the working directory.

    Notebooks claim to be terminals (FORCE_COLOR), but cannot move a cursor.
    """
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    changes = {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
    forced = set() if on_a_terminal else {"FORCE_COLOR", "CLICOLOR_FORCE"}
    return {name: value for name, value in os.environ.items() if name not in forced} | changes


# --- in the process ---------------------------------------------------------------------------------------------------


def main() -> None:
    """Run what one line of stdin asks for. The end of stdin is an interrupt."""
    from benchmark.sweep.interrupts import recorded

    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_interrupt_at_the_end, daemon=True).start()
    with recorded():
        answer = _answer(asked)
    Path(asked["into"]).write_text(json.dumps(answer))


def _interrupt_at_the_end() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGINT)


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    from benchmark.cli.answering import Means, answering
    from benchmark.cli.launching import Place
    from benchmark.results.store import Store

    means = dict(asked["means"])
    place, data_root = Place(engine=means.pop("engine")), means.pop("data_root")
    by = Means(**means, place=place, data_root=Path(data_root) if data_root else None)
    try:
        with answering([asked["words"]], Store(Path(asked["results"])), by) as cells:
            if cells.problems:  # a frame without a method that was asked for would pass for the whole
                raise cells.problems[0]
            cells.announce()
            answered = {record.key for record in cells.answer()}
            return {"keys": [cell.key for cell in cells.plan.cells if cell.key in answered]}
    except BenchError as error:
        return {"error": type(error).__name__, "message": one_line(error)}


if __name__ == "__main__":
    main()
