"""Windows by HTTP, as clients before Python 1.6.0 and Node 1.4.6 send them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import numpy as np
import pytest
from starlette.requests import Request

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import serving, windows_of
from gate_timeline import Says
from loud_speech import sound
from prosody_gate.server.http_windows import HttpWindows
from prosody_gate.server.inference_pool import InferencePool

STOP = sound(("room", 1.5), ("speech", 0.8))
ROOM = sound(("room", 1.2))


def run(test: Any) -> None:
    asyncio.run(test())


async def post(http: aiohttp.ClientSession, url: str, samples: np.ndarray, **query: Any) -> tuple[int, Any]:
    known = {"threshold": 0.5, "min_frames": 2, "created_at": 7} | query
    async with http.post(url + "/bargein", params=known, data=samples.tobytes()) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text.startswith("{") else text


def test_an_old_client_gets_its_answers_by_http() -> None:
    async def test() -> None:
        async with serving(Says(5.0, after=0.2)) as (url, _), aiohttp.ClientSession() as http:
            found = [await post(http, url, part, created_at=at) for at, part in enumerate(windows_of(STOP, 24_800))]
            assert {status for status, _ in found} == {200}
            answers = [answer for _, answer in found]
            assert all(set(answer) == {"created_at", "is_bargein", "probabilities"} for answer in answers)
            assert [answer["created_at"] for answer in answers] == list(range(len(answers)))
            assert [answer["is_bargein"] for answer in answers].count(True) == 1

    run(test)


def test_over_http_one_half_is_what_clients_send_unasked_and_anything_else_is_asked_for() -> None:
    async def test() -> None:
        # P = 0.73: not enough for the server's own 0.85.
        async with serving(Says(1.0)) as (url, _), aiohttp.ClientSession() as http:
            for threshold, expected in ((0.5, False), (0.6, True), (0.8, False)):
                _, answer = await post(http, url, STOP, threshold=threshold)
                assert answer["is_bargein"] is expected

    run(test)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"threshold": "high"}, "expected numbers"),
        ({"threshold": 2}, "between 0 and 1"),
        ({"threshold": "nan"}, "between 0 and 1"),
        ({"min_frames": -1}, "min_frames"),
        ({"created_at": -1}, "created_at"),
        ({"created_at": "9" * 5_000}, "expected numbers"),
    ],
)
def test_a_wrong_query_is_named_in_one_line(query: dict[str, Any], says: str) -> None:
    async def test() -> None:
        async with serving() as (url, _), aiohttp.ClientSession() as http:
            status, text = await post(http, url, ROOM, **query)
            assert status == 400
            assert says in text
            assert "\n" not in text

    run(test)


def test_a_body_that_is_too_long_or_not_whole_is_refused() -> None:
    async def test() -> None:
        async with serving() as (url, _), aiohttp.ClientSession() as http:
            status, text = await post(http, url, np.zeros(200_000, np.int16))
            assert (status, "at most" in text) == (400, True)
            async with http.post(url + "/bargein", data=b"abc") as answer:
                assert answer.status == 400

    run(test)


def test_a_client_that_goes_in_the_middle_of_its_body_is_no_error() -> None:
    async def test() -> None:
        messages = iter([{"type": "http.request", "body": b"12", "more_body": True}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(messages)

        scope = {"type": "http", "method": "POST", "path": "/bargein", "query_string": b"", "headers": []}
        windows = HttpWindows(InferencePool(1), lambda *_: 1 / 0)  # type: ignore[arg-type, return-value]
        assert (await windows.answer(Request(scope, receive), "nobody")).status_code == 400

    run(test)
