"""A Slurm of one machine in a temporary folder, from Debian's packages: slurmctld, slurmd, slurm-client and munge.

It has no accounting: `sacct` tells nothing. By hand, `python -m tests.launchers.cluster DIR` runs it until Ctrl-C.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")

CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def absent() -> list[str]:
    """The programs that are not here."""
    return [name for name in PROGRAMS if not shutil.which(name, path=_path())]


@contextmanager
def cluster(folder: Path, cores: int = 4) -> Iterator[Path]:
    """Run the daemons, and yield the file that SLURM_CONF has to name.

    Args:
        cores: that the machine is said to have.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    told = {"host": socket.gethostname(), "user": getpass.getuser(), "ports": _free_ports(2)}
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, cores=cores, **told))
    with ExitStack() as daemons:
        for name, words in _commands(folder).items():
            daemons.enter_context(_daemon(words, folder / f"{name}.log", configuration))
        _wait_until_idle(configuration)
        try:
            yield configuration
        finally:
            subprocess.run(["scancel", f"--user={told['user']}"], env=_environment(configuration), check=False)
            while _asked("squeue", configuration, "--noheader"):
                time.sleep(0.2)


def _commands(folder: Path) -> dict[str, list[str]]:
    """What starts each daemon, in order."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    files = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munge.pid"}
    files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
    munge = [f"--{option}={folder / name}" for option, name in files.items()]
    return {"munged": ["munged", "--foreground", "--force", *munge], "slurmctld": ["slurmctld", "-D"]} | {
        "slurmd": ["slurmd", "-D"]
    }


@contextmanager
def _daemon(words: list[str], log: Path, configuration: Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(
            words, stdout=file, stderr=file, env=_environment(configuration), start_new_session=True
        )
    try:
        time.sleep(0.5)  # each looks for the one before it when it starts
        if process.poll() is not None:
            raise RuntimeError(f"{words[0]} does not run: {log.read_text()}")
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_until_idle(configuration: Path) -> None:
    for _ in range(150):
        if "idle" in _asked("sinfo", configuration, "--noheader", "--format=%T"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the node is {_asked('sinfo', configuration, '--noheader', '--format=%T %E')}")


def _asked(program: str, configuration: Path, *words: str) -> str:
    done = subprocess.run(
        [program, *words], env=_environment(configuration), capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _environment(configuration: Path) -> dict[str, str]:
    return os.environ | {"SLURM_CONF": str(configuration), "PATH": _path()}


def _path() -> str:
    """Where programs lie; daemons often where a user does not look."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), cluster(parser.parse_args().folder.resolve()) as configuration:
        print(f"export SLURM_CONF={configuration}", flush=True)
        signal.pause()
