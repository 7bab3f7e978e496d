"""One client's socket, from its first message to its last."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..gate import GateEvent
from ..session import MetricsRecorder, collectors, count_event
from .frames import (
    ProtocolError,
    SessionClose,
    SessionCreate,
    Window,
    error,
    read_text,
    read_window,
    result,
    session_closed,
    session_created,
)
from .inference_pool import NOTHING, InferencePool, Job, Outcome
from .server_metrics import server_collectors
from .window_gate import Judgement, WindowGate

logger = logging.getLogger("prosody_gate.server")

CREATE_WITHIN: Final = 10.0
"""Seconds within which a client must send its first message."""

SLOWEST_READER: Final = 5.0
"""Seconds that one answer may take to be sent."""

MOST_UNSENT: Final = 200
"""Answers that may wait to be sent."""

REST_AFTER: Final = 5.0
"""Seconds without a window after which a session's audio is forgotten: a client keeps 3 s, so nothing continues it."""

IN_OVERLAP: Final = 1.0
"""Seconds for which a session that sent a window counts as in overlap."""

MakeGate = Callable[[object, SessionCreate], WindowGate]
"""Makes the gate of a session from its owner's name for listeners and its settings."""


class BargeinSession:
    """Reads a socket's messages and answers each.

    An idle session has a socket and this object: no gate, no audio, no timer. Whoever owns it calls `look_after` now
    and then.

    Args:
        websocket: Not accepted yet.
        pool: Judges the windows.
        make_gate: Makes this client's gate.
        windows_per_second: More than that are not judged.
    """

    def __init__(
        self, websocket: WebSocket, pool: InferencePool, make_gate: MakeGate, *, windows_per_second: float
    ) -> None:
        self.name = uuid.uuid4().hex[:12]
        """For the log, and for messages to the client."""
        self._socket = websocket
        self._pool = pool
        self._make_gate = make_gate
        self._settings: SessionCreate | None = None
        self._job: Job | None = None
        self._recorder = MetricsRecorder()
        self._opened = self._last_window = time.monotonic()
        self._windows = 0
        self._arrivals: dict[int, float] = {}
        """When the windows that are not answered yet arrived, by the object's identity."""
        self._allowance = self._allowed_per_second = windows_per_second
        self._unsent: deque[str] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._sending_since: float | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._dropped: str | None = None

    @property
    def in_overlap(self) -> bool:
        """Whether the client sends windows now."""
        return self._windows > 0 and time.monotonic() - self._last_window < IN_OVERLAP

    async def run(self) -> None:
        """Serve the socket until either side ends it."""
        self._reader = asyncio.current_task()
        await self._socket.accept()
        try:
            await self._read()
        except WebSocketDisconnect:
            pass
        except ProtocolError as wrong:
            await self._end("protocol", str(wrong), code=400, close=1008)
        except asyncio.CancelledError:
            if self._dropped is None:
                raise
            if self._reader is not None:
                self._reader.uncancel()
        finally:
            if self._job is not None:
                self._pool.leave(self._job)
            if self._sender is not None:
                self._sender.cancel()
            self._log_end()

    async def dismiss(self, message: str) -> None:
        """End the session from the server's side, so that the client falls back to its VAD at once."""
        await self._end("dismissed", message, code=403, close=1001)

    def look_after(self) -> None:
        """Forget old audio, and drop the client if it says nothing at first or does not read."""
        now = time.monotonic()
        if self._settings is None and now - self._opened > CREATE_WITHIN:
            self._drop("no_create")
        elif self._sending_since is not None and now - self._sending_since > SLOWEST_READER:
            self._drop("slow_reader")
        elif self._job is not None and now - self._last_window > REST_AFTER:
            self._pool.rest(self._job)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is not None:
                self._take(data)
                continue
            request = read_text(message.get("text") or "")
            if isinstance(request, SessionClose):
                self._send(session_closed())
            else:
                self._create(request)

    def _create(self, settings: SessionCreate) -> None:
        if self._job is not None:
            self._pool.leave(self._job)
        gate = self._make_gate(self.name, settings)
        self._settings = settings
        self._job = Job(gate, self._answer)
        self._send(session_created(gate.threshold))

    def _take(self, data: bytes) -> None:
        if self._job is None:
            raise ProtocolError("binary message: expected session.create before it")
        window = read_window(data)
        now = time.monotonic()
        gone = now - self._last_window
        self._allowance = min(self._allowance + gone * self._allowed_per_second, self._allowed_per_second)
        self._last_window = now
        self._windows += 1
        self._arrivals[id(window)] = now
        if self._allowance < 1.0:
            self._answer(window, NOTHING, Outcome.LIMITED, 0.0)
            return
        self._allowance -= 1.0
        self._pool.submit(self._job, window)

    def _answer(self, window: Window, judgement: Judgement, outcome: Outcome, seconds: float) -> None:
        arrived = self._arrivals.pop(id(window), None)
        figures = server_collectors()
        figures.windows.labels(outcome.value).inc()
        if outcome is Outcome.JUDGED:
            figures.work.observe(seconds)
        if arrived is not None:
            figures.answer.observe(time.monotonic() - arrived)
        self._count(judgement.events, outcome)
        extra = _gate_says(judgement) if self._settings is not None and self._settings.wants_gate_events else {}
        self._send(
            result(
                window.created_at,
                interruption=judgement.interruption,
                probabilities=judgement.probabilities,
                prediction_duration=seconds,
                **extra,
            )
        )

    def _count(self, events: tuple[GateEvent, ...], outcome: Outcome) -> None:
        for event in events:
            count_event(event, self._recorder.count(event))
            logger.debug("%s: %s", self.name, event)
        if outcome is Outcome.FAILED:
            self._recorder.errors += 1
            collectors().errors.inc()

    # Sending

    def _send(self, text: str) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            self._drop("slow_reader")
            return
        self._unsent.append(text)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._unsent and self._socket.application_state is WebSocketState.CONNECTED:
                self._sending_since = time.monotonic()
                await self._socket.send_text(self._unsent.popleft())
        except (WebSocketDisconnect, RuntimeError):
            self._unsent.clear()  # the reader sees the end of the socket by itself
        finally:
            self._sending_since = None
            self._sender = None

    # The end

    async def _end(self, reason: str, message: str, *, code: int, close: int) -> None:
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        server_collectors().dropped.labels(reason).inc()
        self._unsent.clear()
        try:
            async with asyncio.timeout(SLOWEST_READER):
                await self._socket.send_text(error(message, code=code, session=self.name))
                await self._socket.close(close)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass

    def _drop(self, reason: str) -> None:
        """End it without a word: the client reads none."""
        if self._dropped is None and self._reader is not None:
            self._dropped = reason
            server_collectors().dropped.labels(reason).inc()
            self._reader.cancel()

    def _log_end(self) -> None:
        found = self._recorder.snapshot()
        logger.info(
            "session %s ended after %.0f s%s: %d windows, %d overlaps, %d interruptions",
            self.name,
            time.monotonic() - self._opened,
            "" if self._dropped is None else f" ({self._dropped})",
            self._windows,
            found.held,
            found.confirmed,
        )


def _gate_says(judgement: Judgement) -> dict[str, Any]:
    """What the playground shows beside the answer."""
    return {"gate": {"state": judgement.state, "events": [event.to_dict() for event in judgement.events]}}
