"""Messages between the processes of a sweep: one JSON object per line. Nothing that is received can run code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

Message = dict[str, Any]

LONGEST = 64 * 2**20
"""The most bytes of a message; records of edited graphs have a megabyte."""


class Garbled(Exception):
    """What was received is not a message."""


class Channel:
    """One end of a pipe.

    The leading process of a sweep waits neither for the rest of a message nor for room to send one, so that no worker
    can hold it up.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._received = b""

    def send(self, **message: Any) -> None:
        """Send a message.

        Raises:
            EOFError: the other process has ended.
            Garbled: it reads none of the many messages that wait for it.
        """
        rest = json.dumps(message).encode() + b"\n"
        try:
            while rest:
                rest = rest[os.write(self.connection.fileno(), rest) :]
        except BlockingIOError:
            raise Garbled("no sign that it reads its messages") from None
        except OSError:
            raise EOFError from None

    def receive(self) -> Message:
        """Wait for the next message. Raises EOFError if the other process has ended."""
        while True:
            if (message := self._next()) is not None:
                return message
            wait([self.connection])
            self._read()

    def poll(self) -> Iterator[Message]:
        """The messages that are there.

        Raises:
            EOFError: the other process has ended, and all its messages were read.
            Garbled: something that is no message.
        """
        while wait([self.connection], timeout=0):
            try:
                self._read()
            except EOFError:
                yield from iter(self._next, None)
                raise
            yield from iter(self._next, None)

    def lead(self) -> Channel:
        """The same channel, for the leading process: it never waits."""
        os.set_blocking(self.connection.fileno(), False)
        return self

    def close(self) -> None:
        """Close this end; the other process reads the end of the file."""
        self.connection.close()

    def _read(self) -> None:
        try:
            content = os.read(self.connection.fileno(), 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            raise EOFError
        self._received += content
        if len(self._received) > LONGEST:
            raise Garbled(f"a message of over {LONGEST:,} bytes")

    def _next(self) -> Message | None:
        line, newline, rest = self._received.partition(b"\n")
        if not newline:
            return None
        self._received = rest
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Garbled(f"not a message: {error}") from None
        if not isinstance(message, dict):
            raise Garbled("not a message: it is not an object")
        return message
