"""Runs the application under uvicorn, in one process or several."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from typing import Any, Final

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..errors import OptionError
from .frames import LONGEST_FRAME
from .server_metrics import MULTIPROCESS
from .settings import LOOPBACK, ServerSettings

APP: Final = "prosody_gate.server:create_app"

PING_EVERY: Final = 20.0
"""Seconds between two pings; clients answer them by themselves."""

PING_TIMEOUT: Final = 20.0
"""Seconds after which a client that does not answer is gone."""


class UpgradeProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, which leaves a connection open for good whose headers it cannot read.

    Of its implementations this one masks in C, and takes its messages one at a time.
    """

    def data_received(self, data: bytes) -> None:
        """Take what came; end the connection if it is no request."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


def uvicorn_options(settings: ServerSettings) -> dict[str, Any]:
    """What uvicorn is to be told, so that sockets live and die as the clients need it."""
    return {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "factory": True,
        "ws": UpgradeProtocol,
        # Sound does not compress.
        "ws_per_message_deflate": False,
        "ws_max_size": LONGEST_FRAME,
        "ws_ping_interval": PING_EVERY,
        "ws_ping_timeout": PING_TIMEOUT,
        "proxy_headers": False,
        "access_log": False,
        "log_level": "warning",
        # A worker that a busy machine leaves waiting is not hung; killing it would end its calls.
        "timeout_worker_healthcheck": 30,
        # The sessions have ended by then.
        "timeout_graceful_shutdown": 5,
        "server_header": False,
    }


def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; returns once all sessions have ended."""
    os.environ.update(settings.to_environment())
    # uvicorn passes the signal that ended it on; a server that was told to end and did has not failed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: None)
    options = uvicorn_options(settings)
    if settings.workers == 1:
        uvicorn.run(APP, **options)
        return
    with tempfile.TemporaryDirectory(prefix="prosody-gate-metrics-") as folder:
        os.environ.setdefault(MULTIPROCESS, folder)
        uvicorn.run(APP, **options)


def check_port(settings: ServerSettings) -> None:
    """Find out whether the server can listen where it is to.

    Raises:
        OptionError: The port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
    except OSError as error:
        where = f"--host {settings.host} --port {settings.port}"
        raise OptionError(f"{where}: cannot listen there ({error.strerror or error})") from None


def address_of(settings: ServerSettings) -> str:
    """Where clients find the server, as LIVEKIT_INFERENCE_URL wants it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def is_open_to_all(settings: ServerSettings) -> bool:
    """Whether other machines can use the server without a token."""
    return settings.host not in LOOPBACK and not settings.checks_tokens
