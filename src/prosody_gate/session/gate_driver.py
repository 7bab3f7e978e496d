"""Drives the one gate of a session for its VAD wrapper and its STT companion, and fails open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..gate import Gate, GateEvent, GateEventKind, GateState, Transcript

logger = logging.getLogger("prosody_gate")

UNATTACHED_PATIENCE: Final = 5.0
"""Seconds of audio after which a gate that no session was attached to says so."""

UNDECIDED: Final = (GateState.HOLDING, GateState.PENDING)


class Follower(Protocol):
    """Who has something to do when the gate has moved on."""

    def gate_moved(self, events: list[GateEvent]) -> None:
        """The gate took a frame, a transcript or a change of the agent's state, which caused these events."""
        ...


class GateDriver:
    """Keeps the stream clock, passes everything to the gate, and tells those who follow it.

    All calls come from the event loop of the session.

    Args:
        gate: The session's gate.
        on_event: Gets every event after the followers had it.
        on_error: Gets the first error; from then on the driver is transparent.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        on_event: Callable[[GateEvent], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.gate = gate
        self.time = 0.0
        """Stream time (s) of the audio that has arrived; the gate's own lies behind it by what the VAD takes."""
        self.attached = False
        """Whether a session tells when the agent speaks."""
        self._followers: list[Follower] = []
        self._on_event = on_event
        self._on_error = on_error
        self._failed = False
        self._closed = False
        self._primary: object | None = None

    @property
    def transparent(self) -> bool:
        """Whether everything passes: after an error, and after the end."""
        return self._failed or self._closed or self.gate.failure is not None

    @property
    def closed(self) -> bool:
        """Whether it was told to let go."""
        return self._closed

    @property
    def agent_speaking(self) -> bool:
        """Whether the agent speaks, as far as the gate was told."""
        return self.gate.agent_speaking

    @property
    def undecided(self) -> bool:
        """Whether something is held, or has ended without a decision."""
        return not self.transparent and self.gate.state in UNDECIDED

    @property
    def passing(self) -> bool:
        """Whether the user speaks and everything passes."""
        return self.gate.state is GateState.PASSING

    def follow(self, follower: Follower, *, first: bool = False) -> None:
        """Tell `follower` of every step from now on; `first`: before those that are there already."""
        self._followers.insert(0 if first else len(self._followers), follower)

    def unfollow(self, follower: Follower) -> None:
        """Stop telling it."""
        if follower in self._followers:
            self._followers.remove(follower)

    def claim(self, stream: object) -> bool:
        """Ask to be the stream that feeds the gate: the first that is open is, and keeps the part until it ends."""
        if self._primary is None:
            self._primary = stream
        return self._primary is stream

    def leave(self, stream: object) -> None:
        """The stream ends: the next one that claims the part has it."""
        if self._primary is stream:
            self._primary = None

    def push(self, frame: npt.NDArray[np.float32], speech_probability: float) -> None:
        """Take the next frame of the user's channel."""
        self._step(lambda: self.gate.push(frame, speech_probability))
        if not self.attached and self.gate.time >= UNATTACHED_PATIENCE:
            self.attached = True
            logger.warning(
                "no session is attached: the gate does not learn when the agent speaks and holds nothing; "
                "call gate.attach(session)"
            )

    def push_transcript(self, transcript: Transcript) -> None:
        """Take a transcript."""
        self._step(lambda: self.gate.push_transcript(transcript))

    def agent_changed(self, speaking: bool) -> None:
        """The agent begins or ends to speak, now."""
        change = self.gate.agent_started if speaking else self.gate.agent_stopped
        self._step(lambda: change(self.time))

    def close(self) -> None:
        """Cancel what is undecided, and be transparent from then on."""
        if self._closed:
            return
        was_transparent = self.transparent
        events = [] if was_transparent else self.gate.close()
        # Before it is told: what is cancelled now must not pass as the speech of a gate that lets all through.
        self._closed = True
        self._tell(events)
        if self.gate.failure is not None and not was_transparent:
            self._on_error(self.gate.failure)

    def fail(self, error: Exception) -> None:
        """Something around the gate failed: be transparent. Logged and counted the first time only."""
        if self._failed or self._closed:
            return
        self._failed = True
        if error is not self.gate.failure:
            logger.error("the gate failed and is transparent from here on", exc_info=error)
        # What it held is told as released; a gate that failed by itself has said so already.
        released = [] if self.gate.failure is not None else self.gate.abandon(error)
        self._tell(released)
        self._on_error(error)

    def _step(self, step: Callable[[], list[GateEvent]]) -> None:
        if self.transparent:
            return
        try:
            events = step()
        except Exception as error:
            self.fail(error)
            return
        self._tell(events)
        if self.gate.failure is not None:
            self.fail(self.gate.failure)

    def _tell(self, events: list[GateEvent]) -> None:
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
