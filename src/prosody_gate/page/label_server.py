"""Serves one page on loopback and writes the labels that are pressed in it; for `prosody-gate label --page`."""

from __future__ import annotations

import json
import re
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from ..bench import LABELS
from ..errors import OptionError, ProsodyGateError

HOST: Final = "127.0.0.1"
LARGEST: Final = 10_000
"""Bytes of a label at most."""

RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")

SaveLabel = Callable[[str, str | None], Path]
"""Writes the label (None for none) of the overlap with a key, and gives the file; KeyError where there is none."""


class LabelServer:
    """One page, its sound and its labels, for this machine alone.

    The address holds a secret, and requests under another host name are refused: no other page that is open in the
    browser can read or label anything.

    Args:
        save: Writes a label.
        port: To listen on; 0 for any that is free.

    Raises:
        OptionError: The port is in use.
    """

    def __init__(self, save: SaveLabel, *, port: int = 0) -> None:
        self._token = secrets.token_urlsafe(16)
        self._save = save
        self._saving = threading.Lock()
        self._sounds: list[Path] = []
        self._page = b""
        handler = type("Handler", (_Handler,), {"owner": self})
        try:
            self._server = _Server((HOST, port), handler)
        except OSError as error:
            raise OptionError(
                f"--port {port}: cannot be listened on ({error.strerror}); expected a free port"
            ) from None
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self._server.server_port}/{self._token}/"

    @property
    def saves(self) -> str:
        """Where the page sends labels to."""
        return f"/{self._token}/label"

    def link(self, path: Path) -> str:
        """The address of a sound file, relative to the page."""
        self._sounds.append(path)
        return f"sound/{len(self._sounds) - 1}"

    def show(self, page: str) -> None:
        """Serve this page from now on."""
        self._page = page.encode()

    def run(self) -> None:
        """Serve until `stop`, or Ctrl-C."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that asks for no more of a file is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    owner: LabelServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self._is_allowed():
            return
        rest = self.path.removeprefix(f"/{self.owner._token}/")
        if rest == "":
            self._send(200, self.owner._page, "text/html; charset=utf-8")
            return
        _, _, place = rest.partition("sound/")
        if place.isdecimal() and int(place) < len(self.owner._sounds):
            self._send_sound(self.owner._sounds[int(place)])
        else:
            self._answer(404, {"error": "there is no such thing here"})

    def do_POST(self) -> None:
        if not self._is_allowed():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.close_connection = True
            self._answer(413, {"error": f"expected at most {LARGEST} bytes"})
            return
        try:
            fields = json.loads(self.rfile.read(int(length)))
            key, label = fields["key"], fields["label"]
            if self.path != self.owner.saves or label not in (None, *LABELS):
                raise ValueError
            with self.owner._saving:
                file = self.owner._save(key, label).name
            self._answer(200, {"file": file})
        except KeyError:
            self._answer(404, {"error": "there is no such overlap"})
        except (ValueError, TypeError):
            self._answer(400, {"error": f"expected a key and one of {', '.join(LABELS)}"})
        except ProsodyGateError as error:
            self._answer(500, {"error": str(error)})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for the user."""

    def _is_allowed(self) -> bool:
        port = self.owner._server.server_port
        # A browser leaves port 80 out.
        hosts = {name + end for name in (HOST, "localhost") for end in (f":{port}", *([""] if port == 80 else []))}
        origin = self.headers.get("Origin")
        is_ours = self.headers.get("Host", "") in hosts and (
            origin is None or origin in {f"http://{host}" for host in hosts}
        )
        if is_ours and self.path.startswith(f"/{self.owner._token}/"):
            return True
        self.close_connection = True
        self._answer(403, {"error": "not for this page"})
        return False

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_sound(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            self._answer(404, {"error": f"{path.name}: {error.strerror}"})
            return
        kinds = {".flac": "audio/flac", ".wav": "audio/wav", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}
        kind = kinds.get(path.suffix.lower(), "application/octet-stream")
        # Without parts of a file a browser cannot go to a place in it.
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None:
            self._send(200, content, kind, {"Accept-Ranges": "bytes"})
            return
        first = int(asked[1])
        last = min(int(asked[2]) if asked[2] else len(content) - 1, len(content) - 1)
        if first > last:
            self._send(416, b"", kind, {"Content-Range": f"bytes */{len(content)}"})
            return
        part = content[first : last + 1]
        self._send(206, part, kind, {"Content-Range": f"bytes {first}-{last}/{len(content)}", "Accept-Ranges": "bytes"})
