"""The gate of one LiveKit session: what a voice agent plugs in."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal

from livekit import rtc
from livekit.agents import AgentSession, AgentStateChangedEvent, TurnHandlingOptions, UserStateChangedEvent, inference
from livekit.agents.stt import STT, SpeechEvent, StreamAdapter
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given
from livekit.agents.vad import VAD
from livekit.plugins import silero

from ..echo import EchoFinding
from ..errors import OptionError, ProsodyGateError
from ..evidence import EvidenceSource
from ..gate import Gate, GateEvent, GateEventKind, GateOptions
from ..gate_factory import GateFactory
from ..lexicon import Lexicon
from ..listener import LISTENER_LANGUAGE, Listener
from ..profile import Profile
from ..recording import OverlapRecorder, RecordCounts, RecordOptions
from ..session import DropReason, GateDriver, SessionMetrics, listener_thread, warm_up
from .agent_recording import AgentRecording
from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .guarded_microphone import EchoGuardMode, GuardedMicrophone, echo_guard_mode
from .louder_vad import LouderVAD
from .overlapping_speech import emit_overlapping_speech
from .realtime_input import clear_realtime_input, guard_realtime_input
from .session_checks import SessionChecks
from .session_facts import agent_in_charge, is_push_to_talk, linked_participant, note_presence
from .telemetry import Telemetry

logger = logging.getLogger("prosody_gate")


class ProsodyGate(rtc.EventEmitter[Literal["decision", "error", "metrics_collected"]]):
    """Holds interruptions back until it is clear that they are some. One object a session.

    Events:
        decision: A `GateEvent`, of every kind: `hold` first, then one of `confirm`, `cancel`, `release`.
        error: The exception that made the gate transparent; the call goes on as with the plain VAD and STT.
        metrics_collected: A `SessionMetrics`, after each decision and once more at the end.

    The gate inside is made when it is first needed: by the first audio, or by `gate`. Whether it waits for transcripts
    is settled then, so call `stt()` before.

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
        listener: None for the on-device listener where it knows how the phrases are said, True to insist on it, False
            for none, or what makes another one.
        sources: Evidence sources instead of the built-in ones.
        options: Options of the gate; they win over the profile.
        echo_guard: Whether what the agent plays is cancelled in the user's microphone, for a loudspeaker or a line
            with echo; "auto" does so once its voice is found there; None leaves it to the profile.
        echo_guard_stt: Whether the speech-to-text gets the cancelled signal too, as VAD and gate do; otherwise it
            writes down what the agent says.
        record: A folder to record each overlap in, with two seconds around it, the decision and why; or
            `RecordOptions`. None records nothing.
        record_share: Share of the overlaps that are recorded, 0 to 1; None for all, or as `record` says.
        record_text: Whether what was said is written down; None for yes, or as `record` says.
        **overrides: Fields of `GateOptions`; they win over `options`.

    Raises:
        OptionError: The profile, an option or the sources cannot be used, the listener knows none of the phrases, or
            nothing can be recorded in that folder.
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
        listener: bool | Callable[[], Listener] | None = None,
        sources: Sequence[EvidenceSource] | None = None,
        options: GateOptions | None = None,
        echo_guard: EchoGuardMode | None = None,
        echo_guard_stt: bool = True,
        record: RecordOptions | str | os.PathLike[str] | None = None,
        record_share: float | None = None,
        record_text: bool | None = None,
        **overrides: float,
    ) -> None:
        super().__init__()
        self._factory = GateFactory.create(
            profile=profile,
            sensitivity=sensitivity,
            languages=languages,
            lexicon=lexicon,
            lexicon_files=lexicon_files,
            listener=listener,
            sources=sources,
            options=options,
            given_by="options",
            **overrides,
        )
        # A model that is missing or damaged is an error now, not with the first audio of the call.
        self._factory.gate(listener=None)
        mode = echo_guard_mode(echo_guard, by_profile=self._factory.echo_guard)
        self._microphone = GuardedMicrophone(mode) if mode is not False else None
        self._echo_guard_stt = echo_guard_stt
        self._listener = listener_thread(self._factory)
        self._expects_transcripts = False
        recording = RecordOptions.of(record, share=record_share, text=record_text)
        self._recorder: OverlapRecorder | None = None
        if recording is not None:
            about = {"livekit_agents": version("livekit-agents"), **self._factory.about}
            self._recorder = OverlapRecorder(recording, about=about)
        self._driver = GateDriver(
            self._make_gate,
            on_event=self._on_event,
            on_error=self._on_error,
            may_hold=self._may_hold,
            watcher=self._recorder,
        )
        self._agent_recording: AgentRecording | None = None
        if self._recorder is not None and recording is not None and recording.audio:
            self._agent_recording = self._recorder.agent_audio = AgentRecording(lambda: self._driver.time)
        self._checks = SessionChecks()
        self._telemetry = Telemetry()
        self._session: AgentSession[Any] | None = None
        self._inner_vad: VAD | None = None
        self._participant: str | None = None
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
        warm_up()
        return vad

    @property
    def gate(self) -> Gate:
        """The framework-free gate inside; made now where it was not needed yet."""
        return self._driver.gate

    @property
    def metrics(self) -> SessionMetrics:
        """What the gate did so far."""
        return self._telemetry.metrics

    @property
    def recorded(self) -> RecordCounts | None:
        """What became of the overlaps that were to be recorded; None where nothing is."""
        return None if self._recorder is None else self._recorder.counts

    @property
    def echo(self) -> EchoFinding | None:
        """Where the echo guard found the agent's voice in the user's microphone; None where it did not, or is off."""
        return None if self._microphone is None else self._microphone.echo

    def vad(self, inner: NotGivenOr[VAD] = NOT_GIVEN) -> GatedVAD:
        """Wrap the session's VAD.

        Args:
            inner: Any LiveKit VAD; its own instance is not changed and may serve other sessions too. Without one, the
                VAD that a session has by itself: `inference.VAD`.
        """
        if not is_given(inner):
            inner = inference.VAD(model="silero")
        self._inner_vad = inner
        return GatedVAD(inner, self._driver, gain_db=self._factory.input_gain_db, microphone=self._microphone)

    def stt(self, inner: STT[Any] | str) -> GatedSTT:
        """Wrap the session's speech-to-text, which would interrupt with each final transcript otherwise.

        From here on the gate waits for transcripts. Called for the first time when the gate is made already, this still
        holds them, but the gate does not wait for them any more; a warning says so.

        Args:
            inner: Any LiveKit STT. One that does not stream is put into a `StreamAdapter` with the VAD that
                `vad()` was given. A string ("deepgram/nova-3") is a model of LiveKit Inference, as it is for a session.

        Raises:
            OptionError: The STT does not stream, and there is no VAD yet.
        """
        if isinstance(inner, str):
            inner = inference.STT.from_model_string(inner)
        if not inner.capabilities.streaming:
            if self._inner_vad is None:
                raise OptionError(
                    f"stt: {inner.label} does not stream; call vad() before stt(), or give stt() a StreamAdapter"
                )
            vad = LouderVAD.around(self._inner_vad, gain_db=self._factory.input_gain_db)
            inner = StreamAdapter(stt=inner, vad=vad)
        if not self._driver.has_gate:
            self._expects_transcripts = True
        elif not self._expects_transcripts:
            self._checks.stt_came_late()
        microphone = self._microphone if self._echo_guard_stt else None
        return GatedSTT(inner, self._driver, on_drop=self._on_drop, microphone=microphone)

    def turn_handling(self, given: Mapping[str, Any] | None = None, **options: Any) -> TurnHandlingOptions:
        """The `turn_handling` of the session: the user's own, with what the gate needs.

        Args:
            given: `TurnHandlingOptions`.
            **options: Any of its keys; they win over `given`.
        """
        return self._checks.turn_handling({**(given or {}), **options})

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
        if self._listener is not None:
            self._listener.prepare()
        session.on("agent_state_changed", self._on_agent_state)
        session.on("user_state_changed", self._on_user_state)
        session.on("close", self._on_close)
        if self._microphone is not None:
            self._microphone.attach(session)
        if self._agent_recording is not None:
            self._agent_recording.attach(session)
        self._checks.check_session(session)
        self._look_at_agent()
        if session.agent_state == "speaking":
            self._driver.agent_changed(True)

    def update_options(self, **fields: float) -> None:
        """Change options of the gate, also in mid-call.

        Raises:
            OptionError: A field is unknown or out of range; nothing is changed then.
        """
        if self._driver.has_gate:
            self._driver.gate.update_options(**fields)
        else:
            self._factory = dataclasses.replace(self._factory, options=self._factory.options.replace(**fields))

    async def aclose(self) -> None:
        """Detach from the session; from then on everything passes."""
        self._close()

    def _make_gate(self) -> Gate:
        return self._factory.gate(listener=self._listener, expects_transcripts=self._expects_transcripts)

    def _may_hold(self) -> bool:
        participant = linked_participant(self._session)
        if participant is not None and participant != self._participant:
            if self._participant is not None:
                self._driver.new_speaker()
            self._participant = participant
        return not is_push_to_talk(self._session)

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        # From speaking to thinking a tool runs, and the reply goes on: nobody has handed over the floor.
        self._driver.agent_changed(event.new_state == "speaking", keeps_floor=event.new_state == "thinking")
        self._look_at_agent()

    def _look_at_agent(self) -> None:
        agent = agent_in_charge(self._session)
        self._checks.check_agent(agent)
        if agent is not None and self._microphone is not None and self._microphone.is_on:
            guard_realtime_input(agent, self._microphone)

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if self._session is not None:
            self._telemetry.user_state_changed(self._session, event.new_state)

    def _on_event(self, event: GateEvent) -> None:
        self._telemetry.count(event, self._session)
        if event.kind is GateEventKind.HOLD and self._session is not None:
            note_presence(self._session)
        if self._session is not None:
            emit_overlapping_speech(self._session, event, stream_time=self._driver.time)
        if event.kind is GateEventKind.CANCEL and event.reason != "stream_end":
            self._clear_realtime_input()
        self._emit("decision", event)
        if event.kind is not GateEventKind.HOLD:
            self._emit("metrics_collected", self.metrics)

    def _clear_realtime_input(self) -> None:
        agent = agent_in_charge(self._session)
        is_at_rest = not self._driver.undecided and not self._driver.passing
        if self._session is not None and agent is not None and is_at_rest:
            clear_realtime_input(self._session, agent)

    def _on_drop(self, event: SpeechEvent, reason: DropReason) -> None:
        self._telemetry.count_dropped_transcript()
        if event.alternatives:
            fields = {"stt_event": event.type.value, "prosody_gate_reason": reason.value}
            logger.debug("dropped (%s): %r", reason, event.alternatives[0].text, extra=fields)

    def _on_error(self, error: Exception) -> None:
        self._telemetry.count_error()
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
        if self._microphone is not None:
            self._microphone.close()
        if self._listener is not None:
            self._listener.close()
        if self._recorder is not None:
            self._recorder.close()
        if self._agent_recording is not None:
            self._agent_recording.close()
        self._emit("metrics_collected", self.metrics)
