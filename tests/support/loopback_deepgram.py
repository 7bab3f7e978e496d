"""A server on this machine that speaks Deepgram's streaming protocol, from a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web


@dataclass
class Phrase:
    """One stretch of speech, at seconds of the audio that all connections together have sent."""

    text: str
    start: float
    end: float
    lag: float = 0.1
    """From a word's end to its interim result, and from the speech's end to the final one."""


@dataclass
class LoopbackDeepgram:
    """Interim results word by word, a final one with `speech_final`, keep-alive, finalize and close.

    Used as `async with`; `url` is the plugin's `base_url`. `refuse` connections are answered with HTTP 503, and a
    connection is cut without a close message once the audio has come to each of `cut_at`.
    """

    phrases: Sequence[Phrase] = ()
    refuse: int = 0
    cut_at: list[float] = field(default_factory=list)
    connections: int = 0
    queries: list[dict[str, str]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    """Types of the control messages that came."""
    audio: float = 0.0
    """Seconds of audio that came, over all connections."""

    async def __aenter__(self) -> LoopbackDeepgram:
        app = web.Application()
        app.router.add_get("/v1/listen", self._listen)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}/v1/listen"
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.close()
        await self._runner.cleanup()

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if self.refuse > 0:
            self.refuse -= 1
            return web.Response(status=503)
        assert request.headers["Authorization"] == "Token test"
        self.connections += 1
        self.queries.append(dict(request.query))
        rate = int(request.query["sample_rate"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        began = self.audio
        todo = self._messages(began)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.audio += len(message.data) / 2 / rate
                while todo and todo[0][0] <= self.audio:
                    await socket.send_str(json.dumps(todo.pop(0)[1]))
                if self.cut_at and self.audio >= self.cut_at[0]:
                    self.cut_at.pop(0)
                    request.transport.close()  # type: ignore[union-attr]
                    return socket
            elif message.type is aiohttp.WSMsgType.TEXT:
                kind = json.loads(message.data)["type"]
                self.received.append(kind)
                if kind == "CloseStream":
                    await socket.send_str(json.dumps({"type": "Metadata", "request_id": "loopback"}))
                    break
        await socket.close()
        return socket

    def _messages(self, began: float) -> list[tuple[float, dict[str, Any]]]:
        """What a connection that began at `began` has to say, with the audio time to say it at."""
        found: list[tuple[float, dict[str, Any]]] = []
        for phrase in self.phrases:
            if phrase.end + phrase.lag <= began:
                continue
            words = phrase.text.split()
            step = (phrase.end - phrase.start) / len(words)
            recognised = [
                {
                    "word": word.strip(".,").lower(),
                    "punctuated_word": word,
                    "start": phrase.start + index * step - began,
                    "end": phrase.start + (index + 1) * step - began,
                    "confidence": 0.98,
                }
                for index, word in enumerate(words)
            ]
            recognised = [word for word in recognised if word["start"] >= 0]
            started = {"type": "SpeechStarted", "channel": [0], "timestamp": phrase.start - began}
            found.append((phrase.start + 0.1, started))
            for count in range(1, len(recognised) + 1):
                at = began + recognised[count - 1]["end"] + phrase.lag
                found.append((at, _results(recognised[:count], final=False)))
            if recognised:
                found.append((phrase.end + 2 * phrase.lag, _results(recognised, final=True)))
        return sorted(found, key=lambda entry: entry[0])


def _results(words: list[dict[str, Any]], *, final: bool) -> dict[str, Any]:
    return {
        "type": "Results",
        "channel_index": [0, 1],
        "duration": words[-1]["end"] - words[0]["start"],
        "start": words[0]["start"],
        "is_final": final,
        "speech_final": final,
        "channel": {
            "alternatives": [
                {
                    "transcript": " ".join(word["punctuated_word"] for word in words),
                    "confidence": 0.98,
                    "words": words,
                }
            ]
        },
        "metadata": {"request_id": "loopback"},
    }


async def eventually(condition: Any, seconds: float = 5.0) -> None:
    """Wait until `condition()` holds; a loopback socket needs a moment that no clock here knows."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "did not happen in time"
        await asyncio.sleep(0.005)
