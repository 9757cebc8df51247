"""Messages between server and clients: JSON behind its length, with open files beside it."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

MOST = 16 << 20  # bytes of one message
PATIENCE_S = 3.0  # for one message between two processes of one machine


class Broken(Exception):
    """The other side ended, or does not speak this language."""


def send(connection: socket.socket, message: dict[str, Any], files: Sequence[int] = ()) -> None:
    """Send one message with descriptors."""
    body = json.dumps(message).encode()
    try:
        socket.send_fds(connection, [struct.pack("!I", len(body))], list(files))
        connection.sendall(body)
    except OSError as error:
        raise Broken(str(error)) from error


def receive(connection: socket.socket, most_files: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next message and its descriptors. Raises Broken; descriptors are then closed."""
    files: list[int] = []
    try:
        head, files, flags, _ = socket.recv_fds(connection, 4, most_files or 1)
        while head and len(head) < 4:
            head += _some(connection, 4 - len(head))
        length = struct.unpack("!I", head)[0] if head else 0
        if not 0 < length <= MOST or flags & socket.MSG_CTRUNC or len(files) > most_files:
            raise Broken("no message")
        body = b""
        while len(body) < length:
            body += _some(connection, length - len(body))
        return dict(json.loads(body)), files
    except (OSError, ValueError) as error:
        _close(files)
        raise Broken(str(error)) from error
    except Broken:
        _close(files)
        raise


def _some(connection: socket.socket, most: int) -> bytes:
    found = connection.recv(min(most, 1 << 16))
    if not found:
        raise Broken("ended in the middle of a message")
    return found


def _close(files: Sequence[int]) -> None:
    for one in files:
        os.close(one)


def peer(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group of the other side, as the system knows them."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, user, group = struct.unpack("3i", found)
    return process, user, group
