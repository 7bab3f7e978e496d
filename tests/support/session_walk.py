"""A random walk through a call: a real AgentSession with the gate, and everything in any order.

    PYTHONPATH=src:tests/support python tests/support/session_walk.py --steps 1000000

prints what came and where it went, and ends with an error at the first walk that breaks a promise, with its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from typing import Any
from unittest import mock

from livekit.agents import APIConnectionError, ChatContext
from livekit.agents.types import TimedString

from livekit_call import HandSTT
from prosody_gate.livekit.gated_stt import GatedSTTStream
from prosody_gate.session import TranscriptHold
from virtual_session import ToolCalling, VirtualCall, run_virtual, tone

BACKCHANNELS = ("okay", "mm-hm", "yes", "yeah, right", "uh-huh", " ")
OTHERS = ("stop", "wait a second", "no", "what is the price", "I want the red one", "Yes. Okay.", "the")
KINDS = ("interim_transcript", "final_transcript", "final_transcript", "preflight_transcript")
MODES = ("vad", "manual", "stt", "vad", "vad")

WEIGHTS = {
    "do_speech": 6.0,
    "do_silence": 4.0,
    "do_transcript": 6.0,
    "do_say": 5.0,
    "do_hand_over": 0.2,
    "do_mode": 0.3,
    "do_mute": 0.15,
    "do_stop": 0.3,
    "do_clear": 0.3,
    "do_commit": 0.3,
    "do_uninterruptible": 0.5,
}
"""How often a step is taken, against the 1 of the others."""

GUARDED_EVERY = 5
"""Calls from one with an echo guard to the next."""

HEARD_EVERY = 3
"""Rests from one look at whether the user is heard to the next."""


class Walker(ToolCalling):
    """Answers some turns at once and some with a tool."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(runs=chance.choice((0.1, 1.0, 3.0)))
        self.chance = chance
        self.asked: list[str | None] = []

    async def llm_node(self, chat_ctx: ChatContext, tools: Any, model_settings: Any) -> Any:
        self.asked.append(getattr(chat_ctx.items[-1], "text_content", None))
        if self.chance.random() < 0.5:
            yield "an answer"
            return
        async for chunk in super().llm_node(chat_ctx, tools, model_settings):
            yield chunk


class Walk:
    """One call of `steps` steps.

    Args:
        seed: Of everything that is drawn.
        steps: How many.
        rest_every: Steps from one look at the promises to the next.
    """

    def __init__(self, seed: int, steps: int, *, rest_every: int = 100) -> None:
        self.seed, self.steps, self.rest_every = seed, steps, rest_every
        self.chance = random.Random(seed)
        self.came: list[str] = []
        self.sent: Counter[str] = Counter()
        self.dropped: dict[str, list[str]] = {}
        self.happened: Counter[str] = Counter()
        self.decisions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.kept: list[tuple[str, str, dict[str, Any]]] = []
        self.number = self.rests = 0

    def run(self) -> None:
        """Walk; raises AssertionError where a promise is broken."""
        try:
            with ExitStack() as stack:
                self._listen_in(stack)
                run_virtual(self._main)
        except BaseException as error:
            error.add_note(f"seed {self.seed}, after {sum(self.happened.values())} steps")
            raise

    def _listen_in(self, stack: ExitStack) -> None:
        push, send = TranscriptHold.push, GatedSTTStream._send

        def noted_push(hold: Any, item: Any, *, now: float) -> Any:
            if item.transcript.text.strip():
                self.came.append(item.payload.request_id)
            return push(hold, item, now=now)

        def noted_send(stream: Any, events: list[Any]) -> None:
            for event in events:
                if event.alternatives and event.alternatives[0].text.strip():
                    assert not stream._event_ch.closed, "sent into a closed stream"
                    self.sent[event.request_id] += 1
            send(stream, events)

        stack.enter_context(mock.patch.object(TranscriptHold, "push", noted_push))
        stack.enter_context(mock.patch.object(GatedSTTStream, "_send", noted_send))

    def _on_loop_error(self, loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, APIConnectionError):  # those that the walk makes
            self.failures.append(f"{context['message']}: {error!r}")

    async def _main(self) -> None:
        chance = self.chance
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        words: dict[str, Any] = {"sources": [Wavering(chance)], "transcript_timeout": chance.choice((0.0, 1.0))}
        if self.seed % GUARDED_EVERY == 0:
            words["echo_guard"] = True
        call = VirtualCall(
            agent=Walker(chance),
            stt=HandSTT(manual_flush=chance.random() < 0.3),
            gate=words,
            user_away_timeout=3.0,
            session_close_transcript_timeout=0.2,  # how long LiveKit itself waits for a last transcript
            aec_warmup_duration=chance.choice((0, 0, 2.0)),
        )
        if call.gate._microphone is not None:
            call.gate._microphone._clock, call.gate._microphone._make_canceller = time.time, lambda rate: Nothing()
        on_drop = call.gate._on_drop

        def noted_drop(event: Any, reason: Any) -> None:
            self.dropped.setdefault(event.request_id, []).append(str(reason))
            text = event.alternatives[0].text
            assert reason == "cleared" or call.gate.gate.lexicon.match(text).interrupt is None, f"lost: {text!r}"
            on_drop(event, reason)

        call.session.stt._hold._on_drop = noted_drop
        call.gate.on("decision", lambda event: self.decisions.update([f"{event.kind}: {event.reason}"]))
        call.gate.on("error", lambda error: self.failures.append(repr(error)))
        await call.session.start(call.agent)
        await call.silence(0.1)
        actions = [name for name in dir(self) if name.startswith("do_")]
        for step in range(self.steps):
            name = chance.choices(actions, [WEIGHTS.get(action, 1.0) for action in actions])[0]
            self.happened[name] += 1
            with suppress(RuntimeError):  # in mid-hand-over LiveKit takes no speech
                await getattr(self, name)(call)
            if (step + 1) % self.rest_every == 0:
                await self._rest(call)
        await self._rest(call)
        assert sorted(set(self.came)) == sorted(self.came)
        for request_id in self.came:
            fate = self.sent[request_id], self.dropped.get(request_id, [])
            assert fate[0] + len(fate[1]) == 1, f"{request_id}: sent {fate[0]} times, dropped for {fate[1]}"
        assert set(self.sent) <= set(self.came)
        began = call.time
        await call.session.aclose()
        await call.gate.aclose()
        assert call.time - began < 1.0, f"closing took {call.time - began:.2f} s"
        await call.wait(1.0)
        left = [task.get_coro().__qualname__ for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"tasks are left: {left}"

    async def _rest(self, call: VirtualCall) -> None:
        """All comes to rest, with a silent room, a microphone that is off, or a track that has ended."""
        room = self.chance.choice(("silent", "off", "ended"))
        call.session.input.set_audio_enabled(room != "off")
        # A recogniser whose turns count owes the END of each START, here as without the gate.
        # One that comes while LiveKit hands over to another agent may count for the mode after it: so it comes twice.
        for _ in range(2):
            await self._recognise(call, "end_of_speech", "", {})
            await call.session.interrupt(force=True)
            await (call.silence if room == "silent" else call.wait)(3.0)
        call.session.update_options(turn_detection="vad")
        call.session.clear_user_turn()
        await call.session.interrupt(force=True)
        await (call.silence if room == "silent" else call.wait)(4.0)
        assert self.failures == []
        assert not call.gate._driver.transparent
        assert call.gate._microphone is None or call.gate._microphone.is_on
        assert call.session.user_state in ("listening", "away"), f"{call.session.user_state}, {room}"
        assert call.gate._driver.undecided is False
        assert call.session.stt._hold.held == 0
        handle = call.speak(0.5)
        await call.wait(2.0)
        assert handle.done(), f"the agent cannot speak, {room}"
        assert not handle.interrupted
        assert call.playout()[-2:] == ["play", "end"], call.playout()[-4:]
        self.rests += 1
        if self.rests % HEARD_EVERY == 0:
            await self._hear(call)

    async def _hear(self, call: VirtualCall) -> None:
        """The user is heard, in silence and over the agent."""
        call.session.input.set_audio_enabled(True)
        await call.silence(0.5)
        asked = len(call.session.current_agent.asked)
        await call.audio("s" * 15)
        await call.silence(0.2)
        await self._recognise(call, "final_transcript", "what is the price", {})
        await call.silence(1.0)
        assert call.session.current_agent.asked[asked : asked + 1] == ["what is the price"], "the agent is deaf"
        await call.session.interrupt(force=True)
        await call.silence(2.0)
        handle = call.speak(6.0)
        await call.silence(3.0)
        await call.audio("s" * 12)
        await self._recognise(call, "final_transcript", "stop", {})
        await call.silence(0.5)
        assert handle.interrupted, "the user cannot interrupt"
        await call.session.interrupt(force=True)
        await call.wait(4.0)  # a tool may run

    async def do_speech(self, call: VirtualCall) -> None:
        await call.audio("s" * self.chance.choice((1, 2, 3, 5, 8, 15)))

    async def do_silence(self, call: VirtualCall) -> None:
        await call.audio("-" * self.chance.choice((1, 2, 5, 10, 20, 40)))

    async def do_nothing_comes(self, call: VirtualCall) -> None:
        await call.wait(self.chance.choice((0.05, 0.2, 0.6, 1.5, 4.0)))

    async def do_mute(self, call: VirtualCall) -> None:
        call.session.input.set_audio_enabled(False)

    async def do_unmute(self, call: VirtualCall) -> None:
        call.session.input.set_audio_enabled(True)

    async def do_say(self, call: VirtualCall) -> None:
        if call.session.agent_state != "speaking":
            handle = call.speak(self.chance.choice((0.3, 1.0, 3.0, 6.0)))
            handle.add_done_callback(lambda _: None)

    async def do_uninterruptible(self, call: VirtualCall) -> None:
        if call.session.agent_state == "listening":
            call.session.say("x", audio=tone(0.5), allow_interruptions=False, add_to_chat_ctx=False)

    async def do_reply(self, call: VirtualCall) -> None:
        if call.session.agent_state == "listening":
            call.session.generate_reply(user_input="go on")

    async def do_stop(self, call: VirtualCall) -> None:
        await call.session.interrupt(force=True)

    async def do_mode(self, call: VirtualCall) -> None:
        if call.session.turn_detection == "stt":
            # The END that the recogniser owes counts in this mode alone, here as without the gate.
            await self._recognise(call, "end_of_speech", "", {})
            await call.silence(3.0)
        call.session.update_options(turn_detection=self.chance.choice(MODES))

    async def do_clear(self, call: VirtualCall) -> None:
        call.session.clear_user_turn()

    async def do_commit(self, call: VirtualCall) -> None:
        call.session.commit_user_turn(transcript_timeout=0.1, skip_reply=self.chance.random() < 0.5)

    async def do_hand_over(self, call: VirtualCall) -> None:
        call.session.update_agent(Walker(self.chance))
        await call.silence(0.1)

    async def do_reconnect(self, call: VirtualCall) -> None:
        stream = call.recogniser.streams[-1]
        error = getattr(stream, "error", None)
        if error is not None and not error.done():
            error.set_exception(APIConnectionError("lost"))

    async def do_participant(self, call: VirtualCall) -> None:
        call.gate._driver.new_speaker()

    async def do_options(self, call: VirtualCall) -> None:
        call.gate.update_options(max_hold=self.chance.choice((0.5, 2.8)), tail_boundary=self.chance.choice((0.0, 1.0)))

    async def do_speech_mark(self, call: VirtualCall) -> None:
        await self._recognise(call, self.chance.choice(("start_of_speech", "end_of_speech")), "", {})

    async def do_transcript(self, call: VirtualCall) -> None:
        chance = self.chance
        text, kind = chance.choice(BACKCHANNELS + OTHERS), chance.choice(KINDS)
        times: dict[str, Any] = {}
        if chance.random() < 0.5:
            now = call.recogniser.streams[-1].heard
            end = max(now - chance.choice((0.0, 0.3, 1.0, 4.0, 20.0)), 0.1)
            start = max(end - chance.choice((0.1, 0.5, 3.0)), 0.0)
            times = {"start": start, "end": end}
            words = text.split()
            if words and chance.random() < 0.5:
                length = (end - start) / len(words)
                times["words"] = [
                    TimedString(word, start_time=start + index * length, end_time=start + (index + 1) * length)
                    for index, word in enumerate(words)
                ]
        order = chance.random()
        if order < 0.1:
            self.kept.append((kind, text, times))  # comes later, after others
            return
        await self._recognise(call, kind, text, times)
        if order > 0.9:
            await self._recognise(call, kind, text, times)
        if self.kept and order > 0.7:
            await self._recognise(call, *self.kept.pop(0))

    async def _recognise(self, call: VirtualCall, kind: str, text: str, times: dict[str, Any]) -> None:
        stream = call.recogniser.streams[-1]
        if not stream._event_ch.closed:
            self.number += 1
            stream.say(kind, text, request_id=f"r{self.number}", **times)
        await asyncio.sleep(0.001)


class Nothing:
    """A canceller that finds nothing to cancel."""

    def process(self, microphone: Any, played: Any) -> Any:
        return microphone


class Wavering:
    """Evidence that is for an interruption or against it as chance has it, an overlap at a time."""

    name = "chance"

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def reset(self) -> None:
        self._from = self._chance.choice((0.1, 0.5, 1.0, 99.0, 99.0))

    def update(self, observation: Any) -> float:
        return 20.0 if observation.speech_duration >= self._from else -20.0


def main() -> None:
    """Walk until the steps are done."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=1_000, help="steps of one call")
    parser.add_argument("--seed", type=int, default=0, help="of the first call")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, done, totals = time.perf_counter(), 0, Counter()
    while done < given.steps:
        walk = Walk(given.seed + done // given.each, min(given.each, given.steps - done))
        walk.run()
        done += walk.steps
        totals += Counter(calls=1, transcripts=len(walk.came), sent=sum(walk.sent.values()))
        totals += walk.decisions + Counter(
            f"dropped, {reason}" for reasons in walk.dropped.values() for reason in reasons
        )
    print(f"{done} steps in {time.perf_counter() - began:.0f} s: {dict(totals)}")


if __name__ == "__main__":
    sys.exit(main())
