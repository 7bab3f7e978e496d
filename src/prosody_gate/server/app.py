"""The ASGI application: LiveKit's protocol, health, metrics, and a page to try it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..gate_factory import GateFactory
from ..recording import OverlapRecorder, RecordingWriter
from ..session import warm_up
from ..vad import SpeechDetector
from .admission import Admission, Refusal, is_local
from .bargein_session import BargeinSession
from .frames import SessionCreate
from .http_windows import HttpWindows
from .inference_pool import InferencePool
from .listener_pool import ListenerPool
from .server_metrics import exposition, server_collectors
from .settings import ServerSettings
from .window_gate import WindowGate

logger = logging.getLogger("prosody_gate.server")

THREADS: Final = 1
"""Windows that a worker process judges at a time: the interpreter's lock lets no second one be quicker."""

LOOK_EVERY: Final = 0.5
"""Seconds between two looks after all sessions."""

LAST_WRITES: Final = 2.0
"""Seconds that recordings of the last sessions may take to be written when the server ends."""

WAITING: Final = 256
"""Overlaps of one worker that may wait to be written: many end at once when the server does."""

PLAYGROUND: Final = Path(__file__).with_name("data")
"""Folder of the page and the voice of its agent."""

NOT_LOCAL: Final = "the playground is for browsers on the server's own machine"

PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' blob:; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "cache-control": "no-store",
}

DISMISSED: Final = "the server ends; interruptions are the agent's own VAD's from now on"


class BargeinServer:
    """What the sessions of one process have in common; `app` serves it.

    Args:
        settings: Limits, keys, what is served.
        factory: Makes the gates; by the settings when None.
        make_detector: Makes the VAD of a gate; Silero when None.
    """

    def __init__(
        self,
        settings: ServerSettings,
        factory: GateFactory | None = None,
        *,
        make_detector: Callable[[], SpeechDetector] | None = None,
    ) -> None:
        self.settings = settings
        self.factory = factory or settings.factory()
        self.admission = Admission(settings)
        self._make_detector = make_detector
        self._recordings = settings.recording()
        self._counted: dict[str, int] = {}
        self._writer = None if self._recordings is None else RecordingWriter(self._recordings, waiting=WAITING)
        self._listeners = ListenerPool(self._listener, size=settings.listeners) if self.factory.listens else None
        self._pool: InferencePool | None = None
        self._http: HttpWindows | None = None
        self._sessions: set[BargeinSession] = set()
        self._drained: asyncio.Task[None] | None = None
        self.app = Starlette(routes=self._routes(), lifespan=self._lifespan)
        self.app.router.redirect_slashes = False
        self.app.state.server = self

    def _routes(self) -> list[Route | WebSocketRoute]:
        routes: list[Route | WebSocketRoute] = [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
        ]
        if self.settings.metrics:
            routes.append(Route("/metrics", self._metrics))
        if self.settings.playground:
            routes += [
                Route("/", self._page),
                Route("/playground/agent.mp3", self._agent_voice),
                WebSocketRoute("/playground/bargein", self._try_out),
            ]
        return [
            *routes,
            WebSocketRoute("/{prefix:path}bargein", self._bargein),
            Route("/{prefix:path}bargein", self._bargein_by_http, methods=["POST"]),
        ]

    # Making gates

    def _listener(self) -> Any:
        return self.factory.make_listener()

    def gate_of(self, owner: Hashable, settings: SessionCreate) -> WindowGate:
        """The gate of one client, not loaded yet.

        Args:
            owner: Who borrows listeners for it.
            settings: What the client asks for.
        """
        pool = self._listeners
        listens: Callable[[], Any] | None = None if pool is None else lambda: pool.listener(owner)
        return WindowGate(
            self.factory,
            settings,
            make_listener=listens,
            make_detector=self._make_detector,
            recorder=self._recorder(),
        )

    def _recorder(self) -> OverlapRecorder | None:
        """What records the overlaps of one client; one thread writes for all of them."""
        if self._recordings is None or self._writer is None:
            return None
        return OverlapRecorder(self._recordings, writer=self._writer, about={"source": "server", **self.factory.about})

    # Routes

    async def _bargein(self, websocket: WebSocket) -> None:
        if not _is_prefix(websocket.path_params["prefix"]):
            await websocket.send_denial_response(PlainTextResponse("not found", 404))
            return
        owner = self.admission.owner_of(websocket)
        await self._serve(websocket, owner)

    async def _try_out(self, websocket: WebSocket) -> None:
        local = is_local(websocket)
        refusal = Refusal(403, "playground", NOT_LOCAL)
        await self._serve(websocket, "playground" if local else refusal)

    async def _serve(self, websocket: WebSocket, owner: str | Refusal) -> None:
        refusal = owner if isinstance(owner, Refusal) else self.admission.refusal_of(owner)
        if refusal is not None or isinstance(owner, Refusal):
            assert refusal is not None
            server_collectors().refused.labels(refusal.reason).inc()
            await websocket.send_denial_response(PlainTextResponse(refusal.message, refusal.status))
            return
        assert self._pool is not None
        session = BargeinSession(
            websocket, self._pool, self.gate_of, windows_per_second=self.settings.max_windows_per_second
        )
        self.admission.enter(owner)
        self._sessions.add(session)
        server_collectors().sessions.inc()
        try:
            await session.run()
        finally:
            server_collectors().sessions.dec()
            self._sessions.discard(session)
            self.admission.leave(owner)
            if self._listeners is not None:
                self._listeners.forget(session.name)

    async def _bargein_by_http(self, request: Request) -> Response:
        if not _is_prefix(request.path_params["prefix"]):
            return PlainTextResponse("not found", 404)
        owner = self.admission.owner_of(request)
        if isinstance(owner, Refusal):
            server_collectors().refused.labels(owner.reason).inc()
            return PlainTextResponse(owner.message, owner.status)
        assert self._http is not None
        return await self._http.answer(request, owner)

    async def _healthz(self, request: Request) -> Response:
        if self._pool is not None and self._pool.stuck:
            return PlainTextResponse("the inference threads do not come back", 503)
        return PlainTextResponse("ok")

    async def _readyz(self, request: Request) -> Response:
        if self.admission.draining:
            return PlainTextResponse("draining", 503)
        if self.admission.full:
            return PlainTextResponse("full", 503)
        return PlainTextResponse("ready")

    async def _metrics(self, request: Request) -> Response:
        text, content_type = await asyncio.to_thread(exposition)
        return Response(text, media_type=content_type)

    async def _page(self, request: Request) -> Response:
        return self._local_file(request, "playground.html", "text/html")

    async def _agent_voice(self, request: Request) -> Response:
        return self._local_file(request, "agent.mp3", "audio/mpeg")

    def _local_file(self, request: Request, name: str, media_type: str) -> Response:
        if not is_local(request):
            return PlainTextResponse(NOT_LOCAL, 403)
        return FileResponse(PLAYGROUND / name, media_type=media_type, headers=PAGE_HEADERS)

    # Beginning and end

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._pool = pool = InferencePool(THREADS)
        self._http = HttpWindows(pool, self.gate_of)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        await asyncio.to_thread(self._warm_up)
        loop = asyncio.get_running_loop()
        before = self._take_over_signals(loop)
        looking = loop.create_task(self._look_after_all())
        try:
            yield
        finally:
            looking.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)
            await self.dismiss_all()
            self._http.leave_all()
            if self._writer is not None:
                await pool.settled(LAST_WRITES)
            pool.close()
            if self._writer is not None:
                await asyncio.to_thread(self._writer.close, wait=LAST_WRITES)
                self._count_recordings()

    def _warm_up(self) -> None:
        """Load the models, so that the first window does not wait for them, and a missing one is named at once."""
        self.gate_of("warm-up", SessionCreate(None, 1)).judge(np.zeros(16_000, np.int16))
        warm_up(self.factory)

    async def _look_after_all(self) -> None:
        figures = server_collectors()
        while True:
            for session in list(self._sessions):
                session.look_after()
            if self._http is not None:
                self._http.look_after()
            figures.in_overlap.set(sum(session.in_overlap for session in self._sessions))
            self._count_recordings()
            await asyncio.sleep(LOOK_EVERY)

    def _count_recordings(self) -> None:
        if self._writer is None:
            return
        counts = {"written": self._writer.written, **self._writer.dropped}
        for outcome, count in counts.items():
            server_collectors().recordings.labels(outcome).inc(count - self._counted.get(outcome, 0))
        self._counted = counts

    async def drain(self, seconds: float) -> None:
        """Let nobody in any more, wait for the sessions to end, and dismiss those that are left after `seconds`."""
        self.admission.draining = True
        logger.info("draining: %d sessions are open", len(self._sessions))
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._sessions and loop.time() < until:
            await asyncio.sleep(0.1)
        await self.dismiss_all()

    async def dismiss_all(self) -> None:
        """End all sessions, each with the message that makes its client fall back at once."""
        self.admission.draining = True
        await asyncio.gather(*(session.dismiss(DISMISSED) for session in list(self._sessions)))

    def _take_over_signals(self, loop: asyncio.AbstractEventLoop) -> dict[int, Any]:
        """Drain before whoever runs the application hears of SIGTERM; a second one, and Ctrl-C, are passed on soon."""
        before: dict[int, Any] = {}

        def handler(number: int, frame: FrameType | None) -> None:
            def pass_on() -> None:
                for known, original in before.items():
                    signal.signal(known, original)
                os.kill(os.getpid(), number)

            def begin() -> None:
                if number == signal.SIGTERM and self._drained is None:
                    self._drained = loop.create_task(self.drain(self.settings.drain))
                    self._drained.add_done_callback(lambda _: pass_on())
                else:
                    loop.create_task(self.drain(0.0)).add_done_callback(lambda _: pass_on())

            loop.call_soon_threadsafe(begin)

        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, handler)
            except ValueError:  # not the main thread: whoever runs the application has its own way to end it
                return {}
        return before


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's is worth reading: it takes each refused connection for an error of ours."""
    return "without completing handshake" not in record.getMessage()


def create_app() -> Starlette:
    """The application by the settings in the environment, for `uvicorn --factory prosody_gate.server:create_app`.

    Raises:
        ProsodyGateError: A setting cannot be used.
    """
    return BargeinServer(ServerSettings.from_environment()).app


def _is_prefix(prefix: str) -> bool:
    """Whether a path that ends in "bargein" has that as its last part."""
    return prefix == "" or prefix.endswith("/")
