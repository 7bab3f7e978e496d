"""Each of Pipecat's own turn strategies works on, as configured, behind the gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.frames.frames import (
    EagerTranscriptionFrame,
    Frame,
    LLMContextFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    UserTurnInferenceCompletedFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.turns.user_start import (
    ExternalUserTurnStartStrategy,
    MinWordsUserTurnStartStrategy,
    TranscriptionUserTurnStartStrategy,
    VADUserTurnStartStrategy,
    WakePhraseUserTurnStartStrategy,
)
from pipecat.turns.user_stop import (
    ExternalUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import (
    EagerUserTurnStrategies,
    FilterIncompleteUserTurnStrategies,
    UserTurnStrategies,
)

from pipecat_call import Answering, PipecatCall
from virtual_time import run_virtual

STARTS: dict[str, Any] = {
    "default": lambda: [VADUserTurnStartStrategy(), TranscriptionUserTurnStartStrategy()],
    "vad": lambda: [VADUserTurnStartStrategy()],
    "transcription": lambda: [TranscriptionUserTurnStartStrategy()],
    "min words": lambda: [MinWordsUserTurnStartStrategy(min_words=2)],
    "wake phrase": lambda: [WakePhraseUserTurnStartStrategy(phrases=["wait"]), VADUserTurnStartStrategy()],
    "external": lambda: [ExternalUserTurnStartStrategy()],
}
STOPS: dict[str, Any] = {
    "speech timeout": lambda: SpeechTimeoutUserTurnStopStrategy(),
    "without words": lambda: SpeechTimeoutUserTurnStopStrategy(wait_for_transcript=False),
    "smart turn": lambda: TurnAnalyzerUserTurnStopStrategy(turn_analyzer=LocalSmartTurnAnalyzerV3()),
    "external": lambda: ExternalUserTurnStopStrategy(timeout=0.3),
}


async def scene(call: PipecatCall, what: str, text: str, *, proposes: bool) -> None:
    """The bot speaks; a service that proposes turns does so around the user's sound, and a final follows it."""
    await call.silence(0.5)
    await call.speak(4.5)
    await call.silence(1.2)
    if proposes:
        await call.stt.push_frame(ProposedUserStartedSpeakingFrame())
    await call.sound(what)
    await call.silence(0.3)
    await call.final(text, finalized=True)
    if proposes:
        await call.stt.push_frame(ProposedUserStoppedSpeakingFrame())
    await call.silence(3.6)


def run(what: str, text: str, start: str, stop: str) -> PipecatCall:
    async def main() -> PipecatCall:
        turns = UserTurnStrategies(start=STARTS[start](), stop=[STOPS[stop]()])
        async with PipecatCall(real=True, user={"user_turn_strategies": turns}) as call:
            await scene(call, what, text, proposes="external" in (start, stop))
        return call

    return run_virtual(main, monotonic=True)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("start", STARTS)
def test_a_command_is_a_turn_and_stops_the_bot(start: str, stop: str) -> None:
    call = run("yeah wait a second", "Yeah, wait a second.", start, stop)
    assert (call.playout(), call.interruptions()) == (["play", "cut"], 1)
    assert call.timeouts == 0
    if stop == "without words" and start in ("default", "vad"):
        assert "".join(call.user_turns()) == "Yeah, wait a second."
    else:
        assert call.user_turns() == ["Yeah, wait a second."]


@pytest.mark.parametrize(
    ("start", "stop"),
    [*((start, "speech timeout") for start in STARTS), *(("default", stop) for stop in STOPS)],
)
def test_a_backchannel_is_none_and_the_bot_speaks_on(start: str, stop: str) -> None:
    call = run("okay", "Okay, right.", start, stop)
    assert (call.playout(), call.interruptions()) == (["play", "end"], 0)
    assert (call.turns, call.messages(), call.backchannels()) == ([], [], ["Okay, right."])


def test_smart_turn_ends_the_turn_of_an_answer_that_was_released() -> None:
    async def main() -> PipecatCall:
        turns = UserTurnStrategies(stop=[STOPS["smart turn"]()])
        async with PipecatCall(real=True, user={"user_turn_strategies": turns}) as call:
            await call.silence(0.5)
            await call.speak(2.2)
            await call.silence(1.0)
            await call.sound("okay")
            await call.final("Okay, right.", finalized=True)
            await call.silence(2.0)
        return call

    call = run_virtual(main, monotonic=True)
    assert (call.kinds(), call.playout()) == (["hold", "release"], ["play", "end"])
    assert (call.user_turns(), call.timeouts) == (["Okay, right."], 0)
    started, stopped = (at for _, at, _ in call.turns)
    assert stopped - started < 0.5


def test_an_eager_end_of_turn_over_the_bot_is_held_like_its_words() -> None:
    async def main(what: str, text: str) -> PipecatCall:
        async with PipecatCall(real=True, user={"user_turn_strategies": EagerUserTurnStrategies()}) as call:
            await call.silence(0.5)
            await call.speak(4.5)
            await call.silence(1.2)
            await call.stt.push_frame(ProposedUserStartedSpeakingFrame())
            await call.sound(what)
            await call.stt.push_frame(EagerTranscriptionFrame(text, "user", "now"))
            await call.silence(0.2)
            await call.final(text, finalized=True)
            await call.stt.push_frame(ProposedUserStoppedSpeakingFrame())
            await call.silence(3.6)
        return call

    call = run_virtual(lambda: main("okay", "Okay, right."), monotonic=True)
    assert (call.playout(), call.turns, call.llm.asked) == (["play", "end"], [], [])
    assert (call.down.of(EagerTranscriptionFrame, ProposedUserStartedSpeakingFrame)) == []
    call = run_virtual(lambda: main("yeah wait a second", "Yeah, wait a second."), monotonic=True)
    assert (call.playout(), call.user_turns()) == (["play", "cut"], ["Yeah, wait a second."])


class Segmented(SegmentedSTTService):
    """Writes one line after the other, one for each stretch of speech that the VAD finds, 0.5 s later."""

    def __init__(self, *lines: str) -> None:
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.9)
        self.lines = list(lines)
        self.seconds: list[float] = []

    async def run_stt(self, audio: bytes) -> Any:
        import asyncio

        self.seconds.append(len(audio) / 2 / 16_000)
        await asyncio.sleep(0.5)
        yield TranscriptionFrame(self.lines.pop(0), "user", "now")


def test_a_segmented_service_gets_its_segments_also_of_what_is_held() -> None:
    async def main() -> PipecatCall:
        async with PipecatCall(real=True, stt=Segmented("Yeah.", "Yeah, wait a second.", "Mm-hmm.")) as call:
            await call.silence(0.5)
            await call.speak(8.0)
            await call.silence(1.0)
            await call.sound("yeah")
            await call.silence(2.5)
            await call.sound("yeah wait a second")
            await call.silence(2.5)
        return call

    call = run_virtual(main, monotonic=True)
    assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
    assert (call.backchannels(), call.user_turns()) == (["Yeah."], ["Yeah, wait a second."])
    assert len(call.stt.seconds) == len(call.up.of(VADUserStoppedSpeakingFrame)) == 2
    assert call.timeouts == 0


class Judging(Answering):
    """A model that says of a turn whether it is complete: where it ends with a full stop, it is."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and self.asked[-1].endswith("."):
            await self.broadcast_frame(UserTurnInferenceCompletedFrame)


def filtered(body: Callable[[PipecatCall], Awaitable[None]]) -> PipecatCall:
    """A call whose turns end when the model says so."""

    async def main() -> PipecatCall:
        turns = FilterIncompleteUserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
        async with PipecatCall(real=True, llm=Judging(), user={"user_turn_strategies": turns}) as call:
            await call.silence(0.5)
            await call.speak(4.5)
            await call.silence(1.2)
            await body(call)
        return call

    return run_virtual(main, monotonic=True)


def test_a_turn_that_the_model_takes_for_incomplete_stays_open_after_the_gate_has_let_it_through() -> None:
    async def body(call: PipecatCall) -> None:
        await call.sound("yeah wait a second")
        await call.silence(0.3)
        await call.final("Yeah, wait a", finalized=True)
        await call.silence(1.5)
        assert call.user_turns() == []
        await call.sound("okay")
        await call.silence(0.3)
        await call.final("second.", finalized=True)
        await call.silence(2.0)

    call = filtered(body)
    assert call.kinds() == ["hold", "confirm"]
    assert (call.playout(), call.interruptions()) == (["play", "cut"], 1)
    assert call.llm.asked[0] == "Yeah, wait a"
    assert call.llm.asked[-1].endswith("second.")
    assert (call.user_turns(), call.timeouts) == (["Yeah, wait a second."], 0)


def test_the_model_is_not_asked_about_a_backchannel() -> None:
    async def body(call: PipecatCall) -> None:
        await call.sound("mm-hm")
        await call.silence(0.3)
        await call.final("Mm-hm.", finalized=True)
        await call.silence(4.0)

    call = filtered(body)
    assert (call.kinds(), call.llm.asked, call.turns) == (["hold", "cancel"], [], [])
    assert (call.playout(), call.backchannels()) == (["play", "end"], ["Mm-hm."])
