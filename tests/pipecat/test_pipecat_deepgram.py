"""Pipecat's real Deepgram service before the gate, against a server on this machine; in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")
pytest.importorskip("deepgram", reason="needs Deepgram's SDK: pip install 'pipecat-ai[deepgram]'")

from pipecat.frames.frames import InterimTranscriptionFrame
from pipecat.services.deepgram.stt import DeepgramSTTService

from loopback_deepgram import LoopbackDeepgram, Phrase, eventually
from pipecat_call import STEP, PipecatCall

# Deepgram's SDK asks websockets for names of its past.
pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")


def run(
    phrases: Sequence[Phrase], body: Callable[[PipecatCall, LoopbackDeepgram], Awaitable[None]], *confirm_at: float
) -> tuple[PipecatCall, LoopbackDeepgram]:
    """Run `body(call, server)` in a call whose recogniser says these phrases."""

    async def main() -> tuple[PipecatCall, LoopbackDeepgram]:
        async with LoopbackDeepgram(phrases) as server:
            stt = DeepgramSTTService(api_key="test", base_url=server.url.removesuffix("/v1/listen"))
            async with PipecatCall(*confirm_at, stt=stt) as call:
                await eventually(lambda: server.connections == 1)
                await body(call, server)
        return call, server

    return asyncio.run(asyncio.wait_for(main(), 60))


def test_a_late_backchannel_is_matched_by_its_words_times_and_the_command_after_it_passes() -> None:
    # The final of "Okay." comes 0.8 s late, when "Wait." has begun.
    phrases = [Phrase("Okay.", 30 * STEP, 40 * STEP, lag=0.4), Phrase("Wait.", 60 * STEP, 70 * STEP)]

    async def body(call: PipecatCall, server: LoopbackDeepgram) -> None:
        await call.speak(4.0)
        await call.audio("-" * 30 + "s" * 10 + "-" * 20 + "s" * 10 + "-" * 25)
        await eventually(lambda: bool(call.user_turns()))

    call, server = run(phrases, body)
    # A piece that Pipecat's output had in hand may be played after the cut.
    assert call.playout()[:2] == ["play", "cut"]
    assert [event.reason for event in call.decisions if event.kind.value == "confirm"] == ["phrase"]
    assert (call.backchannels(), call.user_turns()) == (["Okay."], ["Wait."])
    assert [frame.text for frame in call.down.of(InterimTranscriptionFrame)] == ["Wait."]
    assert call.vad() == "()"
    assert server.received.count("Finalize") == call.vad(call.up).count(")")
    assert server.queries[0]["sample_rate"] == "16000"


def test_a_backchannel_over_the_bot_never_comes_through_and_an_answer_after_it_does() -> None:
    phrases = [Phrase("Yeah.", 25 * STEP, 35 * STEP), Phrase("At ten.", 110 * STEP, 125 * STEP)]

    async def body(call: PipecatCall, server: LoopbackDeepgram) -> None:
        await call.speak(2.6)
        await call.audio("-" * 25 + "s" * 10 + "-" * 75 + "s" * 15 + "-" * 25)
        await eventually(lambda: bool(call.user_turns()))

    call, _ = run(phrases, body)
    assert (call.kinds(), call.playout()) == (["hold", "cancel"], ["play", "end"])
    assert (call.backchannels(), call.user_turns()) == (["Yeah."], ["At ten."])
    assert call.timeouts == 0
