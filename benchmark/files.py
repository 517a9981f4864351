"""Files: atomic writes, locks between processes, a check that a folder can be written to, and caches of JSON."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any


def user_cache() -> Path:
    """The folder for downloads and caches: `$XDG_CACHE_HOME/prunebench`, by default `~/.cache/prunebench`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunebench"


def writable(folder: Path) -> None:
    """Create a folder if it does not exist. Raises OSError if it cannot be written to."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Let only one process at a time into this context, for the same `path`; others wait.

    The lock is a file next to `path`. It is released when the process ends.

    Raises:
        OSError: the lock file cannot be created.
    """
    with path.with_name(f"{path.name}.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield


def make_folder(folder: Path, within: Path) -> None:
    """Create a folder and those between it and `within`. Raises OSError if `within` does not exist."""
    folder.relative_to(within)
    for missing in reversed([folder, *folder.parents]):
        if within in missing.parents:
            missing.mkdir(exist_ok=True)


def write(content: bytes, path: Path, within: Path | None = None) -> None:
    """Write a file completely or not at all: to a temporary file, which is synced and renamed.

    Args:
        within: a folder that is not created again if it is gone.
    """
    if within:
        make_folder(path.parent, within)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def own(file: IO[bytes]) -> None:
    """Raise ValueError if an open file does not belong to the user, or others can write to it."""
    state = os.fstat(file.fileno())
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise ValueError("others may have written it")


@dataclass(frozen=True)
class CacheFile:
    """A file in the user's cache, with values computed from the files of one folder; it may be deleted at any time.

    It is used only if the user owns it, nobody else can write to it, and the digest in its first line matches: whoever
    can forge it can also forge what it was made from. A file that fails these checks, and one that cannot be read or
    written, is ignored.

    Args:
        kind: the folder of the cache that it is in.
        of: the folder with the files.
        code: a digest of what its values depend on besides these files. Values with another `code` are ignored.
    """

    kind: str
    of: Path
    code: Callable[[], bytes]

    @property
    def path(self) -> Path:
        """The path of the cache file."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(self.of))).hexdigest()[:32]
        return user_cache() / self.kind / f"{name}.json"

    def load(self) -> Any:
        """The values. Raises OSError or ValueError if there are none that can be used."""
        with self.path.open("rb") as opened:
            own(opened)
            head, content = opened.readline(), opened.read()
        if head != self.head(content):
            raise ValueError("it is damaged, or made by other code")
        return json.loads(content)

    def save(self, values: Any) -> None:
        """Write the values, if they can be written."""
        content = json.dumps(values, separators=(",", ":")).encode()
        with suppress(OSError):
            write(self.head(content) + content, self.path)

    def head(self, content: bytes) -> bytes:
        """The first line of a file with this content."""
        return f"{hashlib.sha256(self.code() + content).hexdigest()}\n".encode()
