"""Settings, listeners on loan, threads: what the server stands on, without a socket."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from prosody_gate.cli import app
from prosody_gate.errors import ModelError, OptionError
from prosody_gate.gate import GateEvent, GateEventKind
from prosody_gate.server import ServerSettings
from prosody_gate.server.frames import Window
from prosody_gate.server.inference_pool import InferencePool, Job, Outcome
from prosody_gate.server.listener_pool import ListenerPool
from prosody_gate.server.window_gate import Judgement

# Settings


def test_settings_come_from_the_environment_and_what_is_given_wins() -> None:
    found = ServerSettings.from_environment(
        {
            "PROSODY_GATE_PORT": "9000",
            "PROSODY_GATE_LANGUAGE": "de, en",
            "PROSODY_GATE_LISTENER": "false",
            "PROSODY_GATE_SENSITIVITY": "0.7",
            "PROSODY_GATE_DRAIN": "5",
            "LIVEKIT_API_KEY": "one",
            "LIVEKIT_API_SECRET": "first",
            "LIVEKIT_KEYS": "two: second, three:third",
        },
        drain=7.0,
        host=None,
    )
    assert (found.port, found.language, found.listener, found.sensitivity, found.drain, found.host) == (
        9000,
        ("de", "en"),
        False,
        0.7,
        7.0,
        "127.0.0.1",
    )
    assert found.keys == {"one": "first", "two": "second", "three": "third"}


def test_worker_processes_get_the_settings_through_their_environment() -> None:
    given = ServerSettings(
        workers=3, language=("fr", "en"), listener=False, auth=False, max_sessions=1, sensitivity=0.25
    )
    assert ServerSettings.from_environment(given.to_environment()) == given


def test_keys_are_never_written_anywhere() -> None:
    settings = ServerSettings(keys={"key": "the-secret"})
    assert "the-secret" not in repr(settings)
    assert "the-secret" not in str(settings.to_environment())


@pytest.mark.parametrize(
    ("environment", "given", "says"),
    [
        ({}, {"host": "0.0.0.0"}, "--host 0.0.0.0: listens to other machines"),
        ({"LIVEKIT_API_KEY": "key"}, {}, "LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected both"),
        ({"LIVEKIT_KEYS": "key"}, {}, "LIVEKIT_KEYS: expected 'key: secret'"),
        ({"PROSODY_GATE_PORT": "http"}, {}, "PROSODY_GATE_PORT: expected a number, got 'http'"),
        ({"PROSODY_GATE_LISTENER": "maybe"}, {}, "PROSODY_GATE_LISTENER: expected true or false, got 'maybe'"),
        ({}, {"workers": 0}, "--workers: expected 1 to 256, got 0"),
        ({}, {"max_sessions": 0}, "--max-sessions: expected 1 to 1000000, got 0"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(environment: dict[str, str], given: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError) as raised:
        ServerSettings.from_environment(environment, **given)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "listens to other machines"),
        (["--port", "70000"], "--port: expected 1 to 65535"),
        (["--sensitivity", "2"], "sensitivity: expected a number from 0 to 1"),
        (["--language", "xx"], "xx"),
        (["--profile", "/no/such.toml"], "/no/such.toml"),
    ],
)
def test_the_command_names_a_wrong_option_and_exits_with_2(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["serve", *arguments], env={"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""})
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(app, ["serve", "--port", port])
    assert done.exit_code == 2
    assert f"--port {port}: cannot listen there" in done.stderr


# Listeners on loan


class Notebook:
    """A listener that knows whom it has heard."""

    made = 0

    def __init__(self) -> None:
        Notebook.made += 1
        self.heard: list[float] = []

    def start(self, pre_roll: np.ndarray, *, onset: float) -> None:
        self.heard.append(onset)

    def push(self, frame: np.ndarray, *, time: float) -> None:
        return None

    def finish(self, *, time: float) -> None:
        return None

    def reset(self) -> None:
        self.heard.clear()


NOTHING = np.zeros(0, np.float32)


def overlap(pool: ListenerPool, owner: str, onset: float) -> Any:
    """One overlap of a session; gives the listener that it had."""
    borrowed: Any = pool.listener(owner)
    borrowed.start(NOTHING, onset=onset)
    had = borrowed._listener
    borrowed.finish(time=onset + 1.0)
    return had


def test_a_session_gets_the_listener_back_that_it_had() -> None:
    pool = ListenerPool(Notebook, size=2)
    first = overlap(pool, "one", 1.0)
    overlap(pool, "two", 2.0)
    assert overlap(pool, "one", 3.0) is first
    assert first.heard == [1.0, 3.0]


def test_another_session_gets_a_listener_that_has_forgotten_the_first() -> None:
    pool = ListenerPool(Notebook, size=1)
    first = overlap(pool, "one", 1.0)
    assert overlap(pool, "two", 2.0) is first
    assert first.heard == [2.0]


def test_of_those_that_rest_the_one_of_a_session_that_is_over_is_taken_first() -> None:
    pool = ListenerPool(Notebook, size=2)
    one, two = overlap(pool, "one", 1.0), overlap(pool, "two", 2.0)
    pool.forget("two")
    assert overlap(pool, "three", 3.0) is two
    assert overlap(pool, "one", 4.0) is one


def test_when_all_are_lent_an_overlap_goes_without() -> None:
    pool = ListenerPool(Notebook, size=1)
    one: Any = pool.listener("one")
    one.start(NOTHING, onset=1.0)
    two: Any = pool.listener("two")
    two.start(NOTHING, onset=2.0)
    assert two.push(np.zeros(512, np.float32), time=2.1) is None
    two.finish(time=3.0)
    assert pool.refused == 1
    one.finish(time=3.0)
    assert overlap(pool, "two", 4.0) is not None


def test_no_more_are_made_than_there_may_be() -> None:
    Notebook.made = 0
    pool = ListenerPool(Notebook, size=3)
    for at in range(20):
        overlap(pool, f"session {at}", float(at))
    assert Notebook.made <= 3


def test_a_listener_that_cannot_be_made_is_tried_again() -> None:
    broken = [True]

    def make() -> Notebook:
        if broken[0]:
            raise ModelError("the model is missing")
        return Notebook()

    pool = ListenerPool(make, size=1)  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        pool.borrow("one")
    broken[0] = False
    assert pool.borrow("one") is not None


# Threads


class Gate:
    """Takes its time and says what it was told to."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.judged: list[int] = []

    def judge(self, samples: np.ndarray) -> Judgement:
        time.sleep(self.seconds)
        self.judged.append(int(samples[0]))
        return Judgement(False, (0.5,))

    at_rest = True

    def rest(self) -> None: ...


def window(number: int) -> Window:
    return Window(number, np.array([number], np.int16))


def test_under_load_every_client_has_its_turn_and_every_window_its_answer() -> None:
    async def test() -> None:
        pool = InferencePool(1)
        answers: list[tuple[int, int, Outcome]] = []
        gates = [Gate(0.01) for _ in range(20)]

        def answer_of(number: int) -> Any:
            return lambda window, judgement, outcome, seconds: answers.append((number, window.created_at, outcome))

        jobs = [Job(gate, answer_of(number)) for number, gate in enumerate(gates)]  # type: ignore[arg-type]
        for round_ in range(10):  # twice as many as can be judged
            for job in jobs:
                pool.submit(job, window(round_))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.6)
        pool.close()
        assert sorted((number, at) for number, at, _ in answers) == [(n, at) for n in range(20) for at in range(10)]
        judged = [len(gate.judged) for gate in gates]
        assert min(judged) >= 3
        assert max(judged) - min(judged) <= 3
        # What is judged last is the newest.
        assert all(gate.judged[-1] == 9 for gate in gates)

    asyncio.run(test())


def test_nothing_is_answered_for_a_client_that_has_gone() -> None:
    async def test() -> None:
        pool = InferencePool(1)
        answers: list[int] = []
        job = Job(Gate(0.1), lambda window, *_: answers.append(window.created_at))  # type: ignore[arg-type]
        pool.submit(job, window(1))
        pool.submit(job, window(2))
        pool.leave(job)
        await asyncio.sleep(0.3)
        pool.close()
        assert answers == []

    asyncio.run(test())


class Late(Gate):
    """Finds something in its first window, too late for it; then nothing."""

    def __init__(self, *judgements: Judgement) -> None:
        super().__init__()
        self._left = list(judgements)

    def judge(self, samples: np.ndarray) -> Judgement:
        time.sleep(0.0 if self.judged else 0.15)
        self.judged.append(int(samples[0]))
        return self._left.pop(0)


def answers_of(monkeypatch: pytest.MonkeyPatch, *judgements: Judgement) -> list[Judgement]:
    """What two windows are answered, of which the first is judged too late."""
    monkeypatch.setattr("prosody_gate.server.inference_pool.PATIENCE", 0.05)
    monkeypatch.setattr("prosody_gate.server.inference_pool.LOOK_EVERY", 0.01)
    answers: list[Judgement] = []

    async def test() -> None:
        pool = InferencePool(1)
        job = Job(Late(*judgements), lambda window, judgement, *_: answers.append(judgement))  # type: ignore[arg-type]
        for number in (1, 2):
            pool.submit(job, window(number))
            await asyncio.sleep(0.25)
        pool.close()

    asyncio.run(test())
    return answers


def test_a_late_verdict_is_told_with_a_window_that_goes_on_and_not_with_one_that_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Judgement(True, (0.9,))
    assert [one.interruption for one in answers_of(monkeypatch, found, Judgement(False, (0.1,)))] == [False, True]
    anew = Judgement(False, (0.1,), begins_anew=True)
    assert [one.interruption for one in answers_of(monkeypatch, found, anew)] == [False, False]


def test_what_the_gate_did_in_a_window_that_was_answered_by_then_is_told_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (event(kind) for kind in (GateEventKind.HOLD, GateEventKind.CANCEL))
    answers = answers_of(monkeypatch, Judgement(False, (), (first,)), Judgement(False, (), (second,)))
    assert [one.events for one in answers] == [(), (first, second)]


def event(kind: GateEventKind) -> GateEvent:
    return GateEvent(
        kind=kind, overlap=1, onset=1.0, time=1.1, speech_duration=0.1, reason="speech", probability=0.5, evidence={}
    )


# Figures

GAUGE = """
import os, sys
from prosody_gate.server.server_metrics import exposition, server_collectors
server_collectors().sessions.set(int(sys.argv[1]))
if sys.argv[2] == "shows":
    print(exposition()[0].decode())
sys.stdout.flush()
os._exit(1)
"""


def test_the_sessions_of_a_worker_that_has_crashed_are_not_counted(tmp_path: Path) -> None:
    def worker(sessions: int, then: str) -> str:
        command = [sys.executable, "-c", GAUGE, str(sessions), then]
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60).stdout

    worker(3, "crashes")
    assert len(list(tmp_path.glob("gauge_livesum_*.db"))) == 1
    assert "\nprosody_gate_server_sessions 1.0\n" in worker(1, "shows")
