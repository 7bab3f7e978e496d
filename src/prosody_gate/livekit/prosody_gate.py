"""The gate of one LiveKit session: what a voice agent plugs in."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, AgentStateChangedEvent, TurnHandlingOptions, UserStateChangedEvent
from livekit.agents.llm import RealtimeModel
from livekit.agents.stt import STT, SpeechEvent, StreamAdapter
from livekit.agents.utils import is_given
from livekit.agents.vad import VAD
from livekit.plugins import silero

from ..audio import FRAME_SAMPLES
from ..errors import OptionError, ProsodyGateError
from ..evidence import EvidenceSource
from ..gate import Gate, GateEvent, GateEventKind, GateOptions
from ..lexicon import Lexicon
from ..listener import Listener, PocketSphinxListener
from ..profile import Profile
from ..session import GateDriver, MetricsRecorder, SessionMetrics, ThreadedListener, breathe, collectors, count_event
from . import tracing
from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .louder_vad import LouderVAD
from .transcript_hold import TEXT_EVENTS
from .turn_handling import merged_turn_handling, warn_once

logger = logging.getLogger("prosody_gate")

LISTENER_LANGUAGE: Final = "en"
"""The one language that the listener knows."""

_spare_listeners: list[PocketSphinxListener] = []
"""Listeners that `prewarm` has loaded for the sessions to come."""


class ProsodyGate(rtc.EventEmitter[Literal["decision", "error", "metrics_collected"]]):
    """Holds interruptions back until it is clear that they are some. One object a session.

    Events:
        decision: A `GateEvent`, of every kind: `hold` first, then one of `confirm`, `cancel`, `release`.
        error: The exception that made the gate transparent; the call goes on as with the plain VAD and STT.
        metrics_collected: A `SessionMetrics`, after each decision and once more at the end.

    Example:
        gate = ProsodyGate()
        session = AgentSession(
            vad=gate.vad(silero.VAD.load()),
            stt=gate.stt(deepgram.STT()),
            turn_handling=gate.turn_handling(),
        )
        gate.attach(session)

    Args:
        profile: A microphone profile, the path of its file, or its name.
        sensitivity: 0 to 1; None leaves it to the profile, 0.5 without one.
        languages: Codes of packaged languages, the main one first.
        lexicon: Phrases to use instead of those of `languages` and `lexicon_files`.
        lexicon_files: Paths of phrase files of the user's own.
        listener: True for the on-device listener where English is among the languages, None or False for none, or
            what makes a listener.
        sources: Evidence sources instead of the built-in ones.
        options: Options of the gate; they win over the profile.
        **overrides: Fields of `GateOptions`; they win over `options`.

    Raises:
        OptionError: The profile or an option cannot be used.
        LexiconError: A language or a phrase file cannot be used.
        ModelError: A model is missing or damaged.
    """

    def __init__(
        self,
        profile: Profile | str | os.PathLike[str] | None = None,
        *,
        sensitivity: float | None = None,
        languages: Sequence[str] = (LISTENER_LANGUAGE,),
        lexicon: Lexicon | None = None,
        lexicon_files: Sequence[str | os.PathLike[str]] = (),
        listener: bool | Callable[[], Listener] | None = True,
        sources: Sequence[EvidenceSource] | None = None,
        options: GateOptions | None = None,
        **overrides: float,
    ) -> None:
        super().__init__()
        loaded = profile if profile is None or isinstance(profile, Profile) else Profile.load(profile)
        self._input_gain_db = 0.0 if loaded is None else loaded.input_gain_db
        self._listener = _make_listener(listener, languages)
        self._gate = Gate(
            _make_options(loaded, options, sensitivity, overrides),
            lexicon=lexicon
            if lexicon is not None
            else Lexicon.load(languages, files=[Path(file) for file in lexicon_files]),
            listener=self._listener,
            sources=sources,
            analyzer=None if loaded is None else loaded.analyzer(),
        )
        self._driver = GateDriver(self._gate, on_event=self._on_event, on_error=self._on_error)
        self._metrics = MetricsRecorder()
        self._session: AgentSession[Any] | None = None
        self._inner_vad: VAD | None = None
        self._let_through: GateEvent | None = None
        self._warned: set[str] = set()
        self._checked_agent: Agent | None = None
        self._closed = False

    @staticmethod
    def prewarm() -> VAD:
        """Load what is slow, for a worker's prewarm hook, and make the first calls ahead of the call.

        Ends with a garbage collection and `gc.freeze()`: LiveKit's modules alone are a great many objects, and to
        look through all of them in mid-call stops the event loop.

        Returns:
            The Silero VAD, loaded: keep it in `proc.userdata` and give it to `vad()`.

        Raises:
            ModelError: A model is missing or damaged.
        """
        vad = silero.VAD.load()
        listener = PocketSphinxListener(between_blocks=breathe)
        gate = Gate(listener=listener)
        metrics = MetricsRecorder()
        gate.agent_started(0.0)
        noise = np.random.default_rng(0).normal(0.0, 0.05, FRAME_SAMPLES).astype(np.float32)
        for probability in (1.0, 1.0, 1.0, 1.0, 0.0):
            for event in gate.push(noise, probability):
                metrics.count(event)
        for event in gate.agent_stopped():
            metrics.count(event)
        metrics.snapshot()
        collectors()
        listener.reset()
        _spare_listeners.append(listener)
        gc.collect()
        gc.freeze()
        return vad

    @property
    def gate(self) -> Gate:
        """The framework-free gate inside."""
        return self._gate

    @property
    def metrics(self) -> SessionMetrics:
        """What the gate did so far."""
        return self._metrics.snapshot()

    def vad(self, inner: VAD) -> GatedVAD:
        """Wrap the session's VAD.

        Args:
            inner: Any LiveKit VAD; its own instance is not changed and may serve other sessions too.
        """
        self._inner_vad = inner
        return GatedVAD(inner, self._driver, gain_db=self._input_gain_db)

    def stt(self, inner: STT[Any]) -> GatedSTT:
        """Wrap the session's speech-to-text, which would interrupt with each final transcript otherwise.

        Args:
            inner: Any LiveKit STT. One that does not stream is put into a `StreamAdapter` with the VAD that
                `vad()` was given.

        Raises:
            OptionError: The STT does not stream, and there is no VAD yet.
        """
        if not inner.capabilities.streaming:
            if self._inner_vad is None:
                raise OptionError(
                    f"stt: {inner.label} does not stream; call vad() before stt(), or give stt() a StreamAdapter"
                )
            vad = LouderVAD.around(self._inner_vad, gain_db=self._input_gain_db)
            inner = StreamAdapter(stt=inner, vad=vad)
        self._gate._expects_transcripts = True
        return GatedSTT(inner, self._driver, on_drop=self._on_drop)

    def turn_handling(self, given: Mapping[str, Any] | None = None, **options: Any) -> TurnHandlingOptions:
        """The `turn_handling` of the session: the user's own, with what the gate needs.

        Args:
            given: `TurnHandlingOptions`.
            **options: Any of its keys; they win over `given`.
        """
        return merged_turn_handling({**(given or {}), **options}, warned=self._warned)

    def attach(self, session: AgentSession[Any]) -> None:
        """Follow a session: the gate learns from it when the agent speaks. Before or after its start.

        Raises:
            ProsodyGateError: Another session is attached already.
        """
        if self._session is session:
            return
        if self._session is not None:
            raise ProsodyGateError("attach: this gate follows another session; make one ProsodyGate a session")
        self._session = session
        self._driver.attached = True
        session.on("agent_state_changed", self._on_agent_state)
        session.on("user_state_changed", self._on_user_state)
        session.on("close", self._on_close)
        self._check(session)
        self._check_agent()
        if session.agent_state == "speaking":
            self._driver.agent_changed(True)

    def update_options(self, **fields: float) -> None:
        """Change options of the gate in mid-call.

        Raises:
            OptionError: A field is unknown or out of range; nothing is changed then.
        """
        self._gate.update_options(**fields)

    async def aclose(self) -> None:
        """Let go of the session; from then on everything passes."""
        self._close()

    def _check(self, session: AgentSession[Any]) -> None:
        interruption = session.options.interruption
        if interruption["min_duration"] <= 0.0:
            warn_once(
                self._warned,
                "interruption.min_duration",
                "interruption.min_duration is 0: every VAD event interrupts, in silence too; use gate.turn_handling()",
            )
        if interruption.get("mode") != "vad":
            warn_once(
                self._warned,
                "interruption.mode",
                'interruption.mode is not "vad": LiveKit\'s own detector may decide beside the gate; '
                "use gate.turn_handling()",
            )
        if session.stt is not None and not isinstance(session.stt, GatedSTT):
            warn_once(
                self._warned,
                "stt",
                "stt is not wrapped: each of its final transcripts interrupts, whatever the gate says; use gate.stt()",
            )
        if not isinstance(session.vad, GatedVAD):
            warn_once(self._warned, "vad", "vad is not wrapped: the gate hears nothing; use gate.vad()")

    def _check_agent(self) -> None:
        """Warn where the agent that is in charge now brings its own VAD or STT, which takes the session's place."""
        agent = self._current_agent()
        if agent is None or agent is self._checked_agent:
            return
        self._checked_agent = agent
        if is_given(agent.stt) and agent.stt is not None and not isinstance(agent.stt, GatedSTT):
            warn_once(
                self._warned,
                "agent.stt",
                f"{type(agent).__name__} has an stt of its own that is not wrapped: each of its final transcripts "
                "interrupts, whatever the gate says; use gate.stt()",
            )
        if is_given(agent.vad) and not isinstance(agent.vad, GatedVAD):
            warn_once(
                self._warned,
                "agent.vad",
                f"{type(agent).__name__} has a vad of its own that is not wrapped: the gate hears nothing; "
                "use gate.vad()",
            )

    def _current_agent(self) -> Agent | None:
        try:
            return None if self._session is None else self._session.current_agent
        except RuntimeError:  # the session has not started yet, or has ended
            return None

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        self._check_agent()
        self._driver.agent_changed(event.new_state == "speaking")

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking" and self._let_through is not None and self._session is not None:
            tracing.mark_user_speech(self._session, self._let_through)
        # With the end of the user's speech it is forgotten too: the next one is another.
        self._let_through = None

    def _on_event(self, event: GateEvent) -> None:
        held = self._metrics.count(event)
        count_event(event, held)
        if self._session is not None:
            tracing.note(self._session, event)
        self._let_through = None
        if event.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE) and self._session is not None:
            # Speech that began before the agent's has its span already.
            if self._session.user_state == "speaking":
                tracing.mark_user_speech(self._session, event)
            else:
                self._let_through = event
        if event.kind is GateEventKind.CANCEL and event.reason != "stream_end":
            self._clear_realtime_audio()
        self._emit("decision", event)
        if event.kind is not GateEventKind.HOLD:
            self._emit("metrics_collected", self.metrics)

    def _clear_realtime_audio(self) -> None:
        """Take cancelled speech out of a realtime model's input, which would hear it with the next turn."""
        agent = self._current_agent()
        if self._session is None or agent is None or not self._at_rest():
            return
        mode = agent.turn_detection if is_given(agent.turn_detection) else self._session.turn_detection
        model = agent.llm if is_given(agent.llm) else self._session.llm
        if mode == "realtime_llm" or not isinstance(model, RealtimeModel):
            return
        if model.capabilities.turn_detection and not model.capabilities.can_disable_turn_detection:
            return
        try:
            agent.realtime_llm_session.clear_audio()
        except RuntimeError:  # the model has no session yet, or none any more
            logger.debug("the realtime model's input was not cleared", exc_info=True)

    def _at_rest(self) -> bool:
        return not self._driver.undecided and not self._driver.passing

    def _on_drop(self, event: SpeechEvent) -> None:
        self._metrics.transcripts_dropped += 1
        collectors().transcripts_dropped.inc()
        if event.type in TEXT_EVENTS and event.alternatives:
            logger.debug("dropped: %r", event.alternatives[0].text, extra={"stt_event": event.type.value})

    def _on_error(self, error: Exception) -> None:
        self._metrics.errors += 1
        collectors().errors.inc()
        self._emit("error", error)

    def _emit(self, name: Literal["decision", "error", "metrics_collected"], value: object) -> None:
        try:
            self.emit(name, value)
        except Exception:  # a handler with the wrong signature must not disturb the call
            logger.exception("a handler of %r failed", name)

    def _on_close(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._driver.close()
        if self._session is not None:
            self._session.off("agent_state_changed", self._on_agent_state)
            self._session.off("user_state_changed", self._on_user_state)
            self._session.off("close", self._on_close)
        if self._listener is not None:
            self._listener.close()
        self._emit("metrics_collected", self.metrics)


def _make_options(
    profile: Profile | None,
    options: GateOptions | None,
    sensitivity: float | None,
    overrides: Mapping[str, float],
) -> GateOptions:
    made = GateOptions() if profile is None else profile.options()
    if options is not None:
        made = made.replace(**options.model_dump(exclude_unset=True))
    fields = dict(overrides)
    if sensitivity is not None:
        fields["sensitivity"] = sensitivity
    return made.replace(**fields) if fields else made


def _make_listener(listener: bool | Callable[[], Listener] | None, languages: Sequence[str]) -> ThreadedListener | None:
    if callable(listener):
        return ThreadedListener(listener())
    if not listener or LISTENER_LANGUAGE not in languages:
        return None
    loaded = _spare_listeners.pop() if _spare_listeners else PocketSphinxListener(between_blocks=breathe)
    return ThreadedListener(loaded)
