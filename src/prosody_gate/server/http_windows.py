"""Windows that come by HTTP, from clients before Python 1.6.0 and Node 1.4.6: one request each."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .bargein_session import REST_AFTER, MakeGate
from .frames import LONGEST_FRAME, MOST_FRAMES, ProtocolError, SessionCreate, Window, read_samples, read_threshold
from .inference_pool import InferencePool, Job, Outcome
from .server_metrics import server_collectors
from .window_gate import Judgement

THEIR_DEFAULT: Final = 0.5
"""What these clients send as threshold where their user asked for none: it stands for the server's own."""

MOST_CLIENTS: Final = 256
"""Clients whose last window is remembered, so that the next one need not be judged from its beginning."""

MOST_WAITING: Final = 64
"""Clients that may wait for an answer at the same time."""

WHO: Final = ("x-livekit-job-id", "x-livekit-room-id", "x-livekit-session-id")


class HttpWindows:
    """Answers windows that come by HTTP.

    A request says little about who sends it. So what is remembered of one client is used only if the next window
    continues the last one sample by sample.

    Args:
        pool: Judges the windows.
        make_gate: Makes the gate of a client.
    """

    def __init__(self, pool: InferencePool, make_gate: MakeGate) -> None:
        self._pool = pool
        self._make_gate = make_gate
        self._known: OrderedDict[Hashable, Job] = OrderedDict()
        self._names = itertools.count(1)
        self._waiting = 0

    async def answer(self, request: Request, owner: str) -> Response:
        """Answer one request.

        Args:
            request: Raw samples in its body; threshold, min_frames and created_at in its query.
            owner: Whose it is.
        """
        try:
            settings, created_at = _read_query(request)
            window = Window(created_at, read_samples(await _body_of(request)))
        except ProtocolError as wrong:
            return PlainTextResponse(str(wrong), 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        if self._waiting >= MOST_WAITING:
            server_collectors().refused.labels("busy").inc()
            return PlainTextResponse("too many windows wait", 429)
        self._waiting += 1
        try:
            judgement = await self._judge(self._job_of(request, owner, settings), window)
        finally:
            self._waiting -= 1
        return JSONResponse(
            {
                "created_at": created_at,
                "is_bargein": judgement.interruption,
                "probabilities": list(judgement.probabilities),
            }
        )

    def _job_of(self, request: Request, owner: str, settings: SessionCreate) -> Job:
        address = request.client.host if request.client else ""
        who = (owner, address, settings, *(request.headers.get(name, "") for name in WHO))
        job = self._known.get(who)
        if job is None or not job.at_rest:
            # Two clients that cannot be told apart do without what is remembered.
            alike = self._known.pop(who, None)
            if alike is not None:
                alike.left = alike.gate.superseded = True
            job = Job(self._make_gate(f"http-{next(self._names)}", settings), _unanswered)
        self._known[who] = job
        self._known.move_to_end(who)
        if len(self._known) > MOST_CLIENTS:
            self._pool.leave(self._known.popitem(last=False)[1])
        return job

    def leave_all(self) -> None:
        """No client comes back: the server ends."""
        while self._known:
            self._pool.leave(self._known.popitem()[1])

    def look_after(self) -> None:
        """Forget the clients that have sent nothing for a while."""
        old = time.monotonic() - REST_AFTER
        for who in [who for who, job in self._known.items() if job.at_rest and job.since < old]:
            self._pool.leave(self._known.pop(who))

    async def _judge(self, job: Job, window: Window) -> Judgement:
        came = time.monotonic()
        answered: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()

        def answer(window: Window, judgement: Judgement, outcome: Outcome, seconds: float) -> None:
            server_collectors().windows.labels(outcome.value).inc()
            server_collectors().answer.observe(time.monotonic() - came)
            if not answered.done():
                answered.set_result(judgement)

        job.answer = answer
        self._pool.submit(job, window)
        return await answered


def _unanswered(window: Window, judgement: Judgement, outcome: Outcome, seconds: float) -> None:
    """Stands for an answer until there is a request."""


def _read_query(request: Request) -> tuple[SessionCreate, int]:
    query = request.query_params
    try:
        created_at = int(query.get("created_at", "0"))
        min_frames = int(query.get("min_frames", "2"))
        threshold = float(query.get("threshold", THEIR_DEFAULT))
    except ValueError:
        raise ProtocolError("query: expected numbers in threshold, min_frames and created_at") from None
    if not 0 <= created_at < 2**64:
        raise ProtocolError("created_at: expected a whole number of at most 64 bits")
    if not 0 <= min_frames <= MOST_FRAMES:
        raise ProtocolError(f"min_frames: expected a whole number from 0 to {MOST_FRAMES}")
    asked = None if threshold == THEIR_DEFAULT else read_threshold(threshold, "threshold")
    return SessionCreate(asked, max(min_frames, 1)), created_at


async def _body_of(request: Request) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > LONGEST_FRAME:
            raise ProtocolError(f"body: expected at most {LONGEST_FRAME} bytes")
        parts.append(part)
    return b"".join(parts)
