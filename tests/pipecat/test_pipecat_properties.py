"""Any order of audio, transcripts, bot frames, mute and interruptions: no start without its stop, no word lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    FunctionCallFromLLM,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    STTMuteFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.turns.user_mute import BaseUserMuteStrategy

from pipecat_call import STEP, PipecatCall, strategies
from prosody_gate.pipecat import SaidWord, SpokenTimes
from virtual_time import run_virtual

UP = FrameDirection.UPSTREAM

AUDIO = st.tuples(st.sampled_from("s-"), st.integers(1, 45))
"""Windows of speech or silence."""

WORD = st.sampled_from(["yeah", "okay", "stop", "the blue one", "mm-hm", "no", "and then"])
ACTION = st.one_of(
    AUDIO,
    AUDIO,
    AUDIO,
    st.tuples(st.sampled_from(["interim", "final", "timed"]), WORD),
    st.tuples(st.sampled_from(["final", "timed"]), WORD),
    st.tuples(st.just("speak"), st.sampled_from([0.2, 1.0, 3.0])),
    st.tuples(st.just("frame"), st.sampled_from(["bot", "no bot", "cut", "tool", "no tool", "deaf", "hears", "vad"])),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.7, 2.5])),
)


class Muted(BaseUserMuteStrategy):
    on = False

    async def process_frame(self, frame: Frame) -> bool:
        return self.on


def times_of(frame: Any) -> SpokenTimes | None:
    return frame.result


async def play(call: PipecatCall, actions: list[tuple[str, Any]], mute: Muted) -> list[str]:
    """Do one after the other; gives the final texts, each with a number of its own."""
    said: list[str] = []
    context = call.context
    frames = {
        "bot": BotStartedSpeakingFrame,
        "no bot": BotStoppedSpeakingFrame,
        "tool": lambda: FunctionCallsStartedFrame([FunctionCallFromLLM("look_up", "1", {}, context)]),
        "no tool": lambda: FunctionCallResultFrame("look_up", "1", {}, "ten"),
        "deaf": lambda: STTMuteFrame(mute=True),
        "hears": lambda: STTMuteFrame(mute=False),
        "vad": VADUserStartedSpeakingFrame,
        "cut": InterruptionFrame,
    }
    for what, more in actions:
        if what in "s-":
            await call.audio(what * more)
        elif what == "wait":
            await call.wait(more)
        elif what == "speak":
            await call.speak(more)
        elif what == "mute":
            mute.on = more
        elif what == "frame":
            await call.llm.push_frame(frames[more](), UP)
        elif what == "interim":
            await call.interim(more)
        else:
            said.append(f"{more} #{len(said)}#")
            words = said[-1].split()
            ends = max(call.time - 0.3, 0.3)
            timed = tuple(SaidWord(word, ends - 0.2, ends) for word in words)
            await call.final(said[-1], result=SpokenTimes(ends - 0.2, ends, timed) if what == "timed" else None)
    mute.on = False
    await call.llm.push_frame(BotStoppedSpeakingFrame(), UP)
    await call.silence(3.0)
    await call.wait(6.0)
    await call.audio("-")
    return said


def numbers(texts: list[str]) -> list[int]:
    return [int(number) for text in texts for number in re.findall(r"#(\d+)#", text)]


def check(
    actions: list[tuple[str, Any]], confirm_at: list[float], *, is_ever_muted: bool, **options: Any
) -> PipecatCall:
    mute = Muted()
    user = {"user_turn_strategies": strategies(wait_for_transcript=False), "user_mute_strategies": [mute]}

    async def main() -> tuple[PipecatCall, list[str]]:
        async with PipecatCall(*confirm_at, user=user, gate={"times": times_of}, **options) as call:
            said = await play(call, actions, mute)
        return call, said

    call, said = run_virtual(main, monotonic=True)
    assert re.fullmatch(r"(\(\))*", call.vad()), call.vad()
    assert re.fullmatch(r"(\(\))*", call.vad(call.up)), call.vad(call.up)
    assert [kind for kind, *_ in call.turns] == ["start", "stop"] * (len(call.turns) // 2)
    got = numbers(call.finals() + call.backchannels())
    assert len(got) == len(set(got))
    if not is_ever_muted:
        assert sorted(got) == list(range(len(said)))
        # What the aggregator got has become part of a turn, once.
        assert sorted(numbers(call.user_turns())) == sorted(numbers(call.finals()))
    holds = [event.overlap for event in call.decisions if event.kind.value == "hold"]
    decided = [event.overlap for event in call.decisions if event.kind.value != "hold"]
    assert sorted(holds) == sorted(decided)
    assert len(set(holds)) == len(holds)
    assert call.errors == []
    assert call.gate is not None
    assert call.gate._hold.held == 0
    return call


CONFIRM_AT = st.lists(st.floats(0.3, 8.0), max_size=3)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTION, min_size=3, max_size=14), CONFIRM_AT)
def test_any_order_of_what_comes_loses_and_doubles_nothing(actions: list[tuple[str, Any]], at: list[float]) -> None:
    check(actions, sorted(at), is_ever_muted=False)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.one_of(ACTION, st.tuples(st.just("mute"), st.booleans())), min_size=4, max_size=14),
    CONFIRM_AT,
)
def test_nor_does_a_user_who_is_muted_at_times(actions: list[tuple[str, Any]], at: list[float]) -> None:
    check(actions, sorted(at), is_ever_muted=True)


def test_the_audio_scripts_are_in_windows_of_the_gates_frame() -> None:
    assert STEP == 0.032
