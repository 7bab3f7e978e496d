"""What a session does without the gate, with it, and in LiveKit's adaptive mode: the table in docs/livekit.md.

Adaptive mode's model runs in LiveKit's cloud. Here stands one in its place that is always right, 0.3 s after the onset:
what is compared is what the session makes of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from livekit.agents import inference
from livekit.agents.inference import OverlappingSpeechEvent
from livekit.agents.inference.interruption import _OverlapSpeechStartedSentinel
from livekit.agents.utils import aio
from livekit.agents.vad import VAD
from livekit.agents.voice.agent_activity import AgentActivity
from livekit.plugins import silero

from livekit_call import ScriptedVAD
from real_voice import RealVoice, run_at_once
from virtual_session import ToolCalling, VirtualCall, run_virtual

COLUMNS = ("without", "with the gate", "adaptive")


class InUse:
    """The VAD that the sessions of a test are made with, and what makes the sounds for it."""

    make: Callable[[], VAD] = ScriptedVAD
    frames: Callable[[], Any] = lambda: None


@pytest.fixture(
    params=[ScriptedVAD, silero.VAD.load, inference.VAD], ids=["scripted", "silero", "inference"], autouse=True
)
def vad_in_use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InUse, "make", request.param)
    if request.param is not ScriptedVAD:
        monkeypatch.setattr(InUse, "frames", RealVoice)
        monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", run_at_once)


class RightDetector:
    """In place of LiveKit's own: says what it was told to say, 0.3 s after the onset."""

    def __init__(self, is_interruption: bool) -> None:
        self.is_interruption = is_interruption

    def stream(self) -> RightStream:
        return RightStream(self.is_interruption)

    def on(self, *args: Any) -> None: ...

    def off(self, *args: Any) -> None: ...


class RightStream:
    def __init__(self, is_interruption: bool) -> None:
        self._is_interruption = is_interruption
        self._events: aio.Chan[OverlappingSpeechEvent] = aio.Chan()

    def push_frame(self, item: Any) -> None:
        if isinstance(item, _OverlapSpeechStartedSentinel):
            asyncio.get_running_loop().call_later(0.3, self._decide, item._started_at)

    def _decide(self, started_at: float) -> None:
        if not self._events.closed:
            event = OverlappingSpeechEvent(
                is_interruption=self._is_interruption,
                detected_at=time.time(),
                overlap_started_at=started_at,
                probability=0.9 if self._is_interruption else 0.1,
            )
            self._events.send_nowait(event)

    def __aiter__(self) -> Any:
        return self._events.__aiter__()

    async def aclose(self) -> None:
        self._events.close()


def run_column(
    column: str, body: Any, *, is_interruption: bool, confirm_at: float = 99.0, **options: Any
) -> VirtualCall:
    """Run `body(call)` in a session of that column, and give the call."""
    options = {"session_close_transcript_timeout": 0.2, **options}

    async def main() -> VirtualCall:
        handling = {"interruption": {"mode": "adaptive"}} if column == "adaptive" else {}
        handling |= options.pop("turn_handling", {})
        call = VirtualCall(
            confirm_at,
            vad=InUse.make(),
            frames=InUse.frames(),
            gated=column == "with the gate",
            turn_handling=handling,
            **options,
        )
        async with call:
            await body(call)
        return call

    detector = RightDetector(is_interruption) if column == "adaptive" else None
    with mock.patch.object(AgentActivity, "_resolve_interruption_detection", return_value=detector):
        return run_virtual(main)


def agent_did(call: VirtualCall) -> str:
    """What became of the first thing that the agent said."""
    first = call.playout()[1:]
    if first[0] == "end":
        return "speaks on"
    return "pauses" if first[:2] == ["pause", "resume"] else "stops"


async def sound(call: VirtualCall, text: str, *, windows: int = 12, agent: float = 5.0) -> None:
    """The agent speaks; 1.7 s into that the user makes a sound, and is transcribed 0.3 s after it, or not at all."""
    await call.silence(0.5)
    call.speak(agent)
    await call.silence(1.7)
    await call.audio("s" * windows)
    await call.silence(0.3)
    if text:
        await call.final(text)
    await call.silence(4.0)


@pytest.mark.parametrize(
    ("text", "windows", "agent", "decision", "did", "turns"),
    [
        ("okay", 12, 5.0, "cancel", ("stops", "speaks on", "speaks on"), (["okay"], [], [])),
        ("yeah yeah okay", 25, 5.0, "cancel", ("stops", "speaks on", "speaks on"), (["yeah yeah okay"], [], [])),
        ("", 12, 5.0, "cancel", ("pauses", "speaks on", "speaks on"), ([], [], [])),
        ("stop it now", 30, 5.0, "confirm", ("stops", "stops", "stops"), (["stop it now"],) * 3),
        ("yes", 8, 2.3, "release", ("stops", "speaks on", "speaks on"), (["yes"],) * 3),
    ],
    ids=["backchannel", "long backchannel", "cough", "interruption", "answer as the agent ends"],
)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_sound_over_the_agent(column, text, windows, agent, decision, did, turns):
    async def body(call: VirtualCall) -> None:
        await sound(call, text, windows=windows, agent=agent)

    is_interruption = decision == "confirm"
    confirm_at = 2.6 if is_interruption else 99.0
    call = run_column(column, body, is_interruption=is_interruption, confirm_at=confirm_at)
    index = COLUMNS.index(column)
    assert (agent_did(call), call.finals(), call.agent.asked) == (did[index], turns[index], turns[index])
    assert call.kinds() == (["hold", decision] if column == "with the gate" else [])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("without", ["one moment", "one moment", "it is ten"]),
        ("with the gate", ["one moment", "it is ten"]),
        ("adaptive", ["one moment", "it is ten", "one moment", "it is ten"]),
    ],
)
def test_a_backchannel_just_before_a_tool_runs(column: str, said: list[str]):
    async def body(call: VirtualCall) -> None:
        await call.silence(0.2)
        call.session.generate_reply(user_input="what is the price?")
        await call.silence(1.6)
        await call.audio("s" * 8)
        await call.final("okay")
        await call.silence(6.0)

    call = run_column(column, body, is_interruption=False, agent=ToolCalling(runs=2.0, seconds=2.0))
    assert call.agent.said == said


@pytest.mark.parametrize(
    ("column", "plays"),
    [("without", 1), ("with the gate", 2), ("adaptive", 1)],
)
def test_a_track_that_ends_in_mid_word_and_what_the_agent_says_next(column: str, plays: int):
    async def body(call: VirtualCall) -> None:
        await call.silence(0.5)
        call.speak(4.0)
        await call.silence(1.7)
        await call.audio("s" * 20)
        await call.wait(4.0)
        call.speak(1.0)
        await call.wait(3.0)

    assert run_column(column, body, is_interruption=False).playout().count("play") == plays


@pytest.mark.parametrize("column", COLUMNS)
def test_a_microphone_that_is_switched_off_over_the_agent_and_what_it_says_next(column: str):
    async def body(call: VirtualCall) -> None:
        await call.silence(0.5)
        call.speak(4.0)
        await call.silence(1.7)
        await call.audio("s" * 20)
        call.session.input.set_audio_enabled(False)
        await call.wait(5.0)
        call.speak(1.0)
        await call.wait(3.0)

    assert run_column(column, body, is_interruption=False).playout().count("play") == 2


@pytest.mark.parametrize("column", COLUMNS)
def test_a_soft_answer_after_a_backchannel(column: str):
    async def body(call: VirtualCall) -> None:
        await call.silence(0.5)
        call.speak(4.2)
        await call.silence(1.7)
        await call.audio("s" * 8)
        await call.silence(0.3)
        await call.final("okay")
        await call.silence(2.5)
        await call.final("two of them")
        await call.silence(1.0)

    call = run_column(column, body, is_interruption=False)
    assert call.agent.asked == (["okay", "two of them"] if column == "without" else ["two of them"])


@pytest.mark.parametrize("column", COLUMNS)
def test_yes_over_the_question_whether_the_user_is_still_there(column: str):
    async def body(call: VirtualCall) -> None:
        await call.silence(3.0)
        call.speak(2.6)
        await call.silence(1.7)
        await call.audio("s" * 8)
        await call.silence(0.3)
        await call.final("yes")
        await call.silence(1.5)

    call = run_column(column, body, is_interruption=False, user_away_timeout=2.0)
    assert (call.user_states()[0], call.user_states().count("away")) == ("away", 1)
    assert call.agent.asked == ["yes"]


@pytest.mark.parametrize("column", ["without", "with the gate"])
def test_push_to_talk_over_the_agent(column: str):
    committed = []

    async def body(call: VirtualCall) -> None:
        await call.silence(0.5)
        call.speak(5.0)
        await call.silence(1.7)
        await call.audio("s" * 10 + "-" * 15)
        await call.final("yes")
        turn = call.session.commit_user_turn(transcript_timeout=0.5)
        await call.silence(0.7)
        committed.append(turn.result())

    run_column(column, body, is_interruption=False, turn_handling={"turn_detection": "manual"})
    assert committed == ["yes"]
