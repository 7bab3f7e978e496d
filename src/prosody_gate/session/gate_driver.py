"""Drives the one gate of a session for all streams that feed it or follow it, and fails open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..gate import Gate, GateEvent, GateEventKind, GateState, Transcript
from ..replay import GateWatcher
from .stream_claim import StreamClaim

logger = logging.getLogger("prosody_gate")

UNATTACHED_PATIENCE: Final = 5.0
"""Seconds of audio after which a gate that no session was attached to says so."""

UNDECIDED: Final = (GateState.HOLDING, GateState.PENDING)


class Follower(Protocol):
    """A stream that has something to do after each step of the gate."""

    def gate_moved(self, events: list[GateEvent]) -> None:
        """The gate has got a frame, a transcript or a change of the agent's state, which caused these events."""
        ...


class GateDriver:
    """Keeps the stream clock, passes everything to the gate, and calls those who follow it.

    All calls come from the event loop of the session.

    Args:
        gate: The session's gate, or what makes it. Then it is made when it is first needed, so that all that it is
            made from (will transcripts come?) is known by then.
        on_event: Called with every event, after the followers.
        on_error: Called with the first error; from then on the driver is transparent.
        may_hold: Whether the gate may hold anything, asked before each step; while it may not, it takes the agent for
            silent, and everything passes. None for always.
        watcher: Looks on at each step, after the session has had what came of it.
    """

    def __init__(
        self,
        gate: Gate | Callable[[], Gate],
        *,
        on_event: Callable[[GateEvent], None],
        on_error: Callable[[Exception], None],
        may_hold: Callable[[], bool] | None = None,
        watcher: GateWatcher | None = None,
    ) -> None:
        self._gate = gate if isinstance(gate, Gate) else None
        self._make_gate = None if isinstance(gate, Gate) else gate
        self.time = 0.0
        """Stream time (s) of the audio that has arrived; the gate's own lies behind it by what the VAD takes."""
        self.attached = False
        """Whether a session says when the agent speaks."""
        self._claim = StreamClaim()
        self._followers: list[Follower] = []
        self._on_event = on_event
        self._on_error = on_error
        self._may_hold = may_hold
        self._watcher = watcher
        self._agent_speaks = False
        self._failed = False
        self._closed = False

    @property
    def gate(self) -> Gate:
        """The session's gate; made now where it has not been needed yet."""
        if self._gate is None:
            assert self._make_gate is not None
            self._gate = self._make_gate()
        return self._gate

    @property
    def has_gate(self) -> bool:
        """Whether the gate has been made."""
        return self._gate is not None

    @property
    def transparent(self) -> bool:
        """Whether everything passes: after an error, and after the end."""
        if self._failed or self._closed:
            return True
        try:
            return self.gate.failure is not None
        except Exception as error:  # it cannot be made
            self.fail(error)
            return True

    @property
    def lets_all_pass(self) -> bool:
        """Whether everything passes at this moment: the driver is transparent, or the gate may hold nothing."""
        return self.transparent or not self._holds_now()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def agent_speaking(self) -> bool:
        """Whether the agent speaks, as far as the gate knows."""
        return self.gate.agent_speaking

    @property
    def undecided(self) -> bool:
        """Whether something is held, or has ended without a decision."""
        return not self.transparent and self.gate.state in UNDECIDED

    @property
    def undecided_words(self) -> bool:
        """Whether the transcript of what is undecided has more than ignore phrases."""
        overlap = self.gate.held_overlap if self.undecided else None
        return bool(overlap and overlap.transcript and not self.gate.lexicon.match(overlap.transcript).ignore_only)

    @property
    def passing(self) -> bool:
        """Whether the user speaks and everything passes."""
        return self.gate.state is GateState.PASSING

    def follow(self, follower: Follower, *, first: bool = False) -> None:
        """Call `follower` after every step from now on; `first`: before those that are there already."""
        self._followers.insert(0 if first else len(self._followers), follower)

    def unfollow(self, follower: Follower) -> None:
        """Stop calling it."""
        if follower in self._followers:
            self._followers.remove(follower)

    def claim(self, stream: object) -> bool:
        """Ask, with each piece of audio, to be the stream that feeds the gate; see `StreamClaim`."""
        return self._claim.claim(stream)

    def leave(self, stream: object) -> None:
        """The stream ends: the one that takes its place has the part."""
        self._claim.leave(stream)

    def push(self, frame: npt.NDArray[np.float32], speech_probability: float) -> None:
        """Push the next frame of the user's channel; see `Gate.push`."""
        self._ask_whether_it_may_hold()
        self._step(
            lambda: self.gate.push(frame, speech_probability), frame=frame, speech_probability=speech_probability
        )
        if not self.attached and self.has_gate and self.gate.time >= UNATTACHED_PATIENCE:
            self.attached = True
            logger.warning(
                "no session is attached: the gate does not learn when the agent speaks and holds nothing; "
                "call gate.attach(session)"
            )

    def push_transcript(self, transcript: Transcript) -> None:
        """Push a transcript; see `Gate.push_transcript`."""
        self._ask_whether_it_may_hold()
        self._step(lambda: self.gate.push_transcript(transcript), transcript=transcript)

    def new_speaker(self) -> None:
        """Somebody else has the microphone from now on; see `Gate.new_speaker`."""
        if self.has_gate:
            self.gate.new_speaker()

    @property
    def gets_transcripts(self) -> bool:
        """Whether the recogniser gets the user's audio now; see `Gate.is_transcribed`."""
        return self.gate.is_transcribed

    @gets_transcripts.setter
    def gets_transcripts(self, value: bool) -> None:
        if self.has_gate:
            self.gate.is_transcribed = value

    def agent_changed(self, speaking: bool, *, keeps_floor: bool = False, at: float | None = None) -> None:
        """The agent begins or ends to speak.

        Args:
            speaking: Whether it speaks from now on.
            keeps_floor: Whether it has more to say: it is silent because a tool runs, say. See `Gate.agent_paused`.
            at: When, in stream seconds; now when None.
        """
        self._agent_speaks = speaking
        if (not speaking and not self.has_gate) or self.transparent:
            return
        change = self.gate.agent_stopped
        if not self.lets_all_pass and (speaking or keeps_floor):
            change = self.gate.agent_started if speaking else self.gate.agent_paused
        self._step(lambda: change(self.time if at is None else at))

    def close(self) -> None:
        """Cancel what is undecided, and be transparent from then on."""
        if self._closed:
            return
        was_transparent = not self.has_gate or self.transparent
        events = [] if was_transparent else self.gate.close()
        # Before the events are sent: what is cancelled now must not pass as the speech of a transparent gate.
        self._closed = True
        self._send(events)
        if not was_transparent:
            self._show(events)
        if not was_transparent and self.gate.failure is not None:
            self._on_error(self.gate.failure)

    def fail(self, error: Exception) -> None:
        """Something around the gate failed: be transparent. Logged and counted the first time only."""
        if self._failed or self._closed:
            return
        self._failed = True
        if self._gate is None:
            logger.error("the gate cannot be made; everything passes", exc_info=error)
            self._on_error(error)
            return
        if error is not self.gate.failure:
            logger.error("the gate failed and is transparent from here on", exc_info=error)
        # What it held is sent as released; a gate that failed by itself has done so already.
        released = [] if self.gate.failure is not None else self.gate.abandon(error)
        self._send(released)
        self._show(released)
        self._on_error(error)

    def _ask_whether_it_may_hold(self) -> None:
        if self._may_hold is None or self.transparent:
            return
        change: Callable[[float], list[GateEvent]] | None = None
        if not self._holds_now():
            # While a tool runs the agent is silent, and what is held stays held.
            change = self.gate.agent_stopped if self.gate.agent_speaking or self.undecided else None
        elif self._agent_speaks and not self.gate.agent_speaking:
            change = self.gate.agent_started
        if change is not None:
            self._step(lambda: change(self.time))

    def _holds_now(self) -> bool:
        try:
            return self._may_hold is None or self._may_hold()
        except Exception as error:
            self.fail(error)
            return False

    def _step(
        self,
        step: Callable[[], list[GateEvent]],
        *,
        frame: npt.NDArray[np.float32] | None = None,
        speech_probability: float = 0.0,
        transcript: Transcript | None = None,
    ) -> None:
        if self.transparent:
            return
        try:
            events = step()
        except Exception as error:
            self.fail(error)
            return
        self._send(events)
        self._show(events, frame=frame, speech_probability=speech_probability, transcript=transcript)
        if self.gate.failure is not None:
            self.fail(self.gate.failure)

    def _show(self, events: list[GateEvent], **given: Any) -> None:
        if self._watcher is None or self._gate is None:
            return
        try:
            self._watcher.after_step(self._gate, events, **given)
        except Exception:
            self._watcher = None
            logger.exception("what looks on at the gate failed and is not asked any more; the call goes on")

    def _send(self, events: list[GateEvent]) -> None:
        for follower in tuple(self._followers):
            try:
                follower.gate_moved(events)
            except Exception as error:
                self.fail(error)
        for event in events:
            self._log(event)
            self._on_event(event)

    def _log(self, event: GateEvent) -> None:
        fields: dict[str, Any] = event.to_dict()
        del fields["transcript"], fields["recognised"]
        level = logging.DEBUG if event.kind is GateEventKind.HOLD else logging.INFO
        logger.log(level, "%s: %s", event.kind.value, event.reason, extra={"prosody_gate": fields})
        if event.text:
            logger.debug("%s: the user said %r", event.kind.value, event.text, extra={"prosody_gate_text": event.text})
