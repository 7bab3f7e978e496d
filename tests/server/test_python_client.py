"""LiveKit's own Python client, unchanged, in a real AgentSession against a real server process."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from livekit.agents import inference, utils
from livekit.plugins import silero

from bargein_server import KEY, SECRET, RunningServer, channel, recorded, running_server
from livekit_session import ScriptedSTT, SessionRun, run_session

pytestmark = pytest.mark.slow

AGENT = ((0.4, 4.4),)
"""When the agent speaks: start and duration (s)."""
AT = 1.8
"""Where in the user's channel the user makes a sound."""


class Overlaps:
    """A session and what LiveKit says of its overlaps."""

    def __init__(self, run: SessionRun) -> None:
        self.run = run
        self.events = [event for _, name, event in run.events if name == "overlapping_speech"]
        self.metrics = [
            event.metrics
            for _, name, event in run.events
            if name == "metrics_collected" and event.metrics.type == "interruption_metrics"
        ]
        self.errors = [event for _, name, event in run.events if name == "error"]

    @property
    def cut(self) -> float | None:
        """When the agent was cut off; None where it spoke to its end."""
        return next(iter(self.run.times("cut")), None)


async def session(samples: np.ndarray, *, agent_speaks: Any = AGENT, **options: Any) -> Overlaps:
    run = await run_session(
        samples,
        vad=silero.VAD.load(),
        stt=ScriptedSTT(),
        agent_speaks=agent_speaks,
        turn_handling={"interruption": {"mode": "adaptive", "resume_false_interruption": False}},
        tail=0.3,
        **options,
    )
    return Overlaps(run)


def sessions(*given: Any) -> list[Overlaps]:
    """Run sessions beside each other, in real time."""

    async def run() -> Sequence[Overlaps]:
        async with utils.http_context.open():
            return await asyncio.gather(*given)

    return list(asyncio.run(run()))


def use(patch: pytest.MonkeyPatch, url: str, secret: str = SECRET) -> None:
    """What a user of LiveKit sets, and all that is set."""
    patch.setenv("LIVEKIT_INFERENCE_URL", url)
    patch.setenv("LIVEKIT_API_KEY", KEY)
    patch.setenv("LIVEKIT_API_SECRET", secret)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--no-listener") as one:
        yield one


@pytest.fixture(scope="module")
def ran(server: RunningServer, shared_data: Any) -> dict[str, Overlaps]:
    """Five conversations at the same time."""
    stop, yes, cough = (
        recorded(shared_data, group, text, index)
        for group, text, index in (("command_word", "stop", 4), ("read_affirmative", "yes", 0), ("cough", None, 0))
    )
    conversations = {
        "stop": session(channel(5.4, (AT, stop))),
        "yes": session(channel(5.4, (AT, yes))),
        "cough": session(channel(5.4, (AT, cough))),
        "yes, then stop": session(channel(6.6, (AT, yes), (4.2, stop)), agent_speaks=((0.4, 5.8),)),
        "the agent ends": session(channel(4.4, (AT, yes)), agent_speaks=((0.4, 1.9), (3.2, 1.0))),
    }
    with pytest.MonkeyPatch.context() as patch:
        use(patch, server.url)
        return dict(zip(conversations, sessions(*conversations.values()), strict=True))


def test_stop_interrupts_the_agent(ran: dict[str, Overlaps]) -> None:
    assert ran["stop"].cut is not None
    assert AT < ran["stop"].cut < AT + 2.0


@pytest.mark.parametrize("sound", ["yes", "cough"])
def test_what_is_no_interruption_does_not_stop_the_agent(ran: dict[str, Overlaps], sound: str) -> None:
    assert ran[sound].cut is None
    assert ran[sound].run.times("pause") == []
    assert ran[sound].errors == []


def test_livekits_own_event_says_what_the_gate_found(ran: dict[str, Overlaps]) -> None:
    (event,) = ran["stop"].events
    assert event.is_interruption
    assert not event.agent_ended
    assert event.probability >= 0.85
    assert 0.05 <= event.detection_delay <= 1.8
    assert 0.0 < event.prediction_duration < 0.5
    assert event.prediction_duration <= event.total_duration < 0.7
    assert len(event.probabilities) == len(event.speech_input) // 400
    assert event.num_requests >= 1
    (event,) = ran["yes"].events
    assert not event.is_interruption
    assert not event.agent_ended
    assert 0.0 < event.probability < 0.85
    assert event.num_requests >= 3


def test_livekits_metrics_count_the_overlaps(ran: dict[str, Overlaps]) -> None:
    (metrics,) = ran["stop"].metrics
    assert (metrics.num_interruptions, metrics.num_backchannels) == (1, 0)
    assert 0.0 < metrics.prediction_duration < 0.5
    (metrics,) = ran["yes"].metrics
    assert (metrics.num_interruptions, metrics.num_backchannels) == (0, 1)


def test_the_second_overlap_of_an_agent_turn_is_judged_by_itself(ran: dict[str, Overlaps]) -> None:
    both = ran["yes, then stop"]
    assert [event.is_interruption for event in both.events] == [False, True]
    assert both.cut is not None
    assert 4.2 < both.cut < 5.8


def test_an_agent_that_ends_in_mid_overlap_is_not_interrupted(ran: dict[str, Overlaps]) -> None:
    ended = ran["the agent ends"]
    assert ended.cut is None
    assert [event.is_interruption for event in ended.events] == [False]
    assert ended.events[0].agent_ended


def test_the_server_counts_sessions_windows_and_decisions(server: RunningServer, ran: dict[str, Overlaps]) -> None:
    assert server.figure("prosody_gate_server_sessions") == 0
    assert server.figure("prosody_gate_server_windows_total", outcome="judged") >= 20
    assert server.figure("prosody_gate_server_windows_total", outcome="failed") == 0
    assert server.figure("prosody_gate_decisions_total", kind="confirm") == 2
    assert server.figure("prosody_gate_errors_total") == 0


def test_a_wrong_secret_leaves_the_agent_with_its_vad(
    server: RunningServer, shared_data: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(monkeypatch, server.url, secret="another-secret-with-as-many-letters")
    # LiveKit's VAD stops for "yes", as it does for everything that lasts.
    with caplog.at_level(logging.INFO, logger="livekit.agents"):
        (run,) = sessions(
            session(channel(4.0, (AT, recorded(shared_data, "spoken_order"))), agent_speaks=((0.4, 3.0),))
        )
    assert run.cut is not None
    assert run.events == []
    assert server.figure("prosody_gate_server_refused_total", reason="wrong_token") == 1
    assert "falling back to VAD-based interruption" in caplog.text


def test_a_server_that_is_killed_in_mid_call_leaves_the_agent_with_its_vad(
    shared_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server("--no-listener") as own:
        use(monkeypatch, own.url)

        async def kill(session: Any, microphone: Any) -> None:
            await asyncio.sleep(1.0)
            own.process.kill()

        long = recorded(shared_data, "spoken_order")
        (run,) = sessions(session(channel(4.5, (AT, long)), during=kill))
    assert run.cut is not None
    assert run.cut < AT + 1.8


def test_a_server_that_drains_serves_its_sessions_to_their_end_and_takes_no_more(
    shared_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = recorded(shared_data, "command_word", "stop", 4)
    refused: list[int] = []
    with running_server("--no-listener") as own:
        use(monkeypatch, own.url)

        async def drain(session: Any, microphone: Any) -> None:
            await asyncio.sleep(1.0)
            own.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            loop = asyncio.get_running_loop()
            refused.append((await loop.run_in_executor(None, own.get, "/readyz"))[0])
            async with utils.http_context.http_session().ws_connect(own.url + "/bargein", headers=bearer()) as _:
                pass

        def bearer() -> dict[str, str]:
            from livekit.agents.inference._utils import create_access_token

            return {"Authorization": f"Bearer {create_access_token(KEY, SECRET)}"}

        with pytest.raises(Exception, match="429"):
            sessions(session(channel(4.5, (AT, stop)), during=drain))
        assert refused == [503]
        assert own.process.wait(15) == 0
        assert "1 interruptions" in own.log


def test_the_detector_alone_gets_a_threshold_of_its_own(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, server.url)

    async def run() -> None:
        async with utils.http_context.open():
            detector = inference.AdaptiveInterruptionDetector(threshold=0.7, base_url=server.url + "/v1/")
            errors: list[Any] = []
            detector.on("error", errors.append)
            stream = detector.stream()
            await asyncio.sleep(0.5)
            await stream.aclose()
            assert errors == []

    asyncio.run(run())
