"""What a server says over the wire, with evidence and a VAD of the test's own."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import aiohttp
import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import client, create, serving, status_of, window, windows_of
from gate_timeline import Says
from loud_speech import sound
from prosody_gate import GateFactory
from prosody_gate.server.bargein_session import BargeinSession

STOP = sound(("room", 1.5), ("speech", 0.8))
ROOM = sound(("room", 1.2))


def run(test: Any) -> None:
    asyncio.run(test())


def test_a_session_from_its_first_message_to_its_last() -> None:
    async def test() -> None:
        async with serving(Says(5.0, after=0.2)) as (url, _), client(url) as one:
            assert await one.create() == {"type": "session.created", "default_threshold": 0.85}
            answers = [await one.judge(at, samples) for at, samples in enumerate(windows_of(STOP, 24_800))]
            assert [answer["created_at"] for answer in answers] == list(range(len(answers)))
            kinds = [answer["type"] for answer in answers]
            assert kinds.count("bargein_detected") == 1
            assert set(kinds) == {"bargein_detected", "inference_done"}
            for answer in answers:
                assert set(answer) == {"type", "created_at", "probabilities", "prediction_duration"}
                assert 0.0 < answer["prediction_duration"] < 1.0
            await one.send('{"type":"session.close"}')
            assert await one.receive() == {"type": "session.closed"}

    run(test)


@pytest.mark.parametrize("created_at", [0, 2**53 + 1, 2**64 - 1])
def test_created_at_comes_back_as_it_was(created_at: int) -> None:
    async def test() -> None:
        async with serving() as (url, _), client(url) as one:
            await one.create()
            assert (await one.judge(created_at, ROOM))["created_at"] == created_at

    run(test)


@pytest.mark.parametrize("path", ["/bargein", "//bargein", "/v1/bargein", "/agent/v1//bargein"])
def test_any_path_that_ends_in_bargein_will_do(path: str) -> None:
    async def test() -> None:
        async with serving() as (url, _):
            assert await status_of(url, path=path) == 101

    run(test)


@pytest.mark.parametrize("path", ["/", "/eot", "/bargein/", "/notbargein", "/v1/xbargein"])
def test_any_other_path_is_not_there(path: str) -> None:
    async def test() -> None:
        async with serving(playground=False) as (url, _):
            assert await status_of(url, path=path) in (403, 404)
            async with aiohttp.ClientSession() as http, http.post(url + path) as answer:
                assert answer.status == 404

    run(test)


@pytest.mark.parametrize("asked", [{"threshold": 0.6}, {"threshold": 0.6, "min_frames": 8}])
def test_a_clients_threshold_and_frames_are_honoured(asked: dict[str, Any]) -> None:
    async def test() -> None:
        async with serving(Says(1.0)) as (url, _), client(url) as one:  # P = 0.73
            assert (await one.create(**asked))["default_threshold"] == pytest.approx(0.6)
            answers = [await one.judge(at, samples) for at, samples in enumerate(windows_of(STOP, 24_800))]
            told = [answer for answer in answers if answer["type"] == "bargein_detected"]
            assert len(told) == 1
            assert sum(chance >= 0.6 for chance in told[0]["probabilities"]) >= asked.get("min_frames", 2)

    run(test)


def test_sessions_do_not_see_each_other() -> None:
    async def test() -> None:
        async with serving(Says(5.0, after=0.2)) as (url, _), client(url) as one, client(url) as other:
            await one.create()
            await other.create()
            for at, samples in enumerate(windows_of(STOP, 24_800)):
                await one.judge(at, samples)
                assert (await other.judge(at, ROOM))["type"] == "inference_done"

    run(test)


# Load


def test_a_client_that_sends_too_fast_has_every_window_answered_and_few_judged() -> None:
    async def test() -> None:
        async with serving(max_windows_per_second=5) as (url, _), client(url) as one:
            await one.create()
            for at in range(60):
                await one.send(window(at, ROOM))
            answers = [await one.receive() for _ in range(60)]
            assert sorted(answer["created_at"] for answer in answers) == list(range(60))
            assert sum(answer["prediction_duration"] > 0.0 for answer in answers) <= 8

    run(test)


class Slow:
    """Evidence that takes its time, while it is told to."""

    name = "slow"

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def __copy__(self) -> Slow:
        return self

    def reset(self) -> None: ...

    def update(self, observation: object) -> float:
        self.may_go_on.wait(5.0)
        return 5.0


def test_behind_the_newest_window_is_judged_and_those_before_it_are_answered_at_once() -> None:
    async def test() -> None:
        slow = Slow()
        async with serving(slow) as (url, _), client(url) as one:
            await one.create()
            windows = list(windows_of(STOP, 24_800))[:5]
            for at, samples in enumerate(windows):
                await one.send(window(at, samples))
                await asyncio.sleep(0.02)
            superseded = [await one.receive(0.3) for _ in range(3)]
            assert [answer["created_at"] for answer in superseded] == [1, 2, 3]
            assert all(answer["type"] == "inference_done" for answer in superseded)
            slow.may_go_on.set()
            judged = [await one.receive() for _ in range(2)]
            assert [answer["created_at"] for answer in judged] == [0, 4]

    run(test)


def test_a_window_that_waits_too_long_is_answered_in_time_and_its_verdict_comes_with_the_next() -> None:
    async def test() -> None:
        slow = Slow()
        async with serving(slow) as (url, _), client(url) as one:
            await one.create()
            windows = list(windows_of(STOP, 24_800))
            began = time.monotonic()
            answer = await one.judge(1, windows[2])
            assert 0.3 < time.monotonic() - began < 0.65
            assert answer == {
                "type": "inference_done",
                "created_at": 1,
                "probabilities": [],
                "prediction_duration": 0.0,
            }
            slow.may_go_on.set()
            await asyncio.sleep(0.1)
            assert (await one.judge(2, windows[3]))["type"] == "bargein_detected"

    run(test)


def test_a_gate_that_fails_is_no_interruption_and_touches_nobody_else() -> None:
    class Breaks:
        name = "breaks"

        def reset(self) -> None: ...

        def update(self, observation: Any) -> float:
            if observation.speech_duration > 0.2:
                raise RuntimeError("broken")
            return 0.0

    async def test() -> None:
        async with serving(Breaks()) as (url, _), client(url) as one:
            await one.create()
            answers = [await one.judge(at, samples) for at, samples in enumerate(windows_of(STOP, 24_800))]
            assert {answer["type"] for answer in answers} == {"inference_done"}
            async with client(url) as other:
                await other.create()
                assert (await other.judge(1, ROOM))["type"] == "inference_done"

    run(test)


def test_an_idle_session_keeps_its_socket_and_no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prosody_gate.server.bargein_session.REST_AFTER", 0.2)

    async def test() -> None:
        async with serving(Says(0.0)) as (url, server), client(url) as one:
            await one.create()
            await one.judge(1, STOP)
            (session,) = server._sessions
            assert session._job is not None
            assert not session._job.gate.at_rest
            while not session._job.gate.at_rest:
                await asyncio.sleep(0.05)
            assert (await one.judge(2, STOP))["created_at"] == 2

    run(test)


def test_a_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prosody_gate.server.bargein_session.MOST_UNSENT", 20)

    async def test() -> None:
        async with serving(max_windows_per_second=1_000) as (url, server), client(url) as one:
            await one.create()
            (session,) = server._sessions

            async def never(text: str) -> None:
                await asyncio.sleep(3600)

            monkeypatch.setattr(session._socket, "send_text", never)
            for at in range(60):
                await one.send(window(at, ROOM))
            await one.closed()
            assert server.admission.sessions == 0

    run(test)


def test_a_client_that_says_nothing_at_first_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prosody_gate.server.bargein_session.CREATE_WITHIN", 0.2)

    async def test() -> None:
        async with serving() as (url, _), client(url) as one:
            await one.closed()

    run(test)


class Notes:
    """A listener that knows whether it listens."""

    made = 0
    open = 0

    def __init__(self) -> None:
        Notes.made += 1

    def start(self, pre_roll: np.ndarray, *, onset: float) -> None:
        Notes.open += 1

    def push(self, frame: np.ndarray, *, time: float) -> None: ...

    def finish(self, *, time: float) -> None:
        Notes.open -= 1

    def reset(self) -> None: ...


@pytest.mark.parametrize("by_http", [False, True])
def test_a_client_that_goes_in_mid_overlap_gives_its_listener_back(
    monkeypatch: pytest.MonkeyPatch, by_http: bool
) -> None:
    monkeypatch.setattr("prosody_gate.server.http_windows.REST_AFTER", 0.2)

    async def test() -> None:
        factory = GateFactory.create(listener=Notes, sources=[Says(0.0)])
        async with serving(factory=factory, listeners=1) as (url, server):
            if by_http:
                async with aiohttp.ClientSession() as http, http.post(url + "/bargein", data=STOP.tobytes()) as answer:
                    assert answer.status == 200
            else:
                async with client(url) as one:
                    await one.create()
                    await one.judge(1, STOP)
                    assert Notes.open == 1
                    one.socket.transport.abort()
            async with asyncio.timeout(5.0):
                while Notes.open:
                    await asyncio.sleep(0.05)
            async with client(url) as other:
                await other.create()
                await other.judge(1, STOP)
                assert Notes.open == 1
            assert server._listeners is not None
            assert server._listeners.refused == 0

    Notes.open = 0
    run(test)


# The end


def test_draining_refuses_new_sessions_and_lets_those_that_are_there_live() -> None:
    async def test() -> None:
        async with serving(Says(5.0, after=0.2)) as (url, server), client(url) as one:
            await one.create()
            draining = asyncio.create_task(server.drain(60.0))
            await asyncio.sleep(0.05)
            assert await status_of(url) == 429
            answers = [await one.judge(at, samples) for at, samples in enumerate(windows_of(STOP, 24_800))]
            assert "bargein_detected" in {answer["type"] for answer in answers}
            assert not draining.done()
            await one.socket.close()
            await asyncio.wait_for(draining, 5.0)

    run(test)


def test_whoever_is_left_when_the_time_is_over_gets_the_error_that_makes_clients_fall_back_at_once() -> None:
    async def test() -> None:
        async with serving() as (url, server), client(url) as one:
            await one.create()
            await server.drain(0.0)
            message = await one.receive()
            assert (message["type"], message["code"]) == ("error", 403)
            assert isinstance(message["session_id"], str)
            assert isinstance(message["message"], str)
            assert await one.closed() == 1001

    run(test)


# What is no message of the protocol


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("", "expected JSON"),
        ("no json", "expected JSON"),
        ("[" * 10_000, "expected JSON"),
        ("x" * 20_000, "at most"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ('{"type": 5}', "expected an object with type"),
        ('{"type": "session.open"}', "expected an object with type"),
        ('{"type": "session.create"}', "settings"),
        ('{"type": "session.create", "settings": []}', "settings"),
        (create(sample_rate=8_000), "sample_rate: expected 16000"),
        (create(num_channels=2), "num_channels: expected 1"),
        (create(encoding="opus"), "encoding: expected s16le"),
        (create(min_frames=-1), "min_frames"),
        (create(min_frames=True), "min_frames"),
        (create(min_frames=1e9), "min_frames"),
        (create(threshold="high"), "threshold"),
        (create(threshold=1.5), "threshold"),
        (create(threshold=True), "threshold"),
        ('{"type": "session.create", "settings": {"threshold": NaN}}', "threshold"),
        (b"", "expected session.create"),
        (b"\0" * 100, "expected session.create"),
    ],
)
def test_a_wrong_message_is_named_in_one_line_and_ends_the_session(message: str | bytes, says: str) -> None:
    async def test() -> None:
        async with serving() as (url, _), client(url) as one:
            await one.send(message)
            answer = await one.receive()
            assert (answer["type"], answer["code"]) == ("error", 400)
            assert says in answer["message"]
            assert "\n" not in answer["message"]
            assert await one.closed() == 1008

    run(test)


@pytest.mark.parametrize("data", [b"", b"1234567", b"12345678x"])
def test_a_wrong_window_ends_the_session(data: bytes) -> None:
    async def test() -> None:
        async with serving() as (url, _), client(url) as one:
            await one.create()
            await one.send(data)
            answer = await one.receive()
            assert (answer["type"], answer["code"]) == ("error", 400)
            assert await one.closed() == 1008

    run(test)


def test_a_window_without_samples_is_answered() -> None:
    async def test() -> None:
        async with serving() as (url, _), client(url) as one:
            await one.create()
            assert await one.judge(3, ROOM[:0]) == {
                "type": "inference_done",
                "created_at": 3,
                "probabilities": [],
                "prediction_duration": pytest.approx(0.0, abs=0.1),
            }

    run(test)


def test_a_session_is_a_name_in_the_log_and_no_more() -> None:
    names = {BargeinSession(None, None, None, windows_per_second=1).name for _ in range(50)}  # type: ignore[arg-type]
    assert len(names) == 50
