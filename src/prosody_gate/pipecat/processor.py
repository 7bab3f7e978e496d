"""The gate of one Pipecat pipeline: what a voice agent puts between its speech-to-text and its user aggregator."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from pipecat.audio.vad.vad_analyzer import VADAnalyzer
from pipecat.audio.vad.vad_controller import VADController
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    StartFrame,
    STTMuteFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    UserSpeakingFrame,
    VADParamsUpdateFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameCallback, FrameDirection, FrameProcessor, FrameProcessorSetup

from ..audio import FRAME_SAMPLES, SAMPLE_RATE
from ..errors import OptionError
from ..evidence import EvidenceSource
from ..gate import Gate, GateEvent, GateEventKind, GateOptions
from ..gate_factory import GateFactory
from ..lexicon import Lexicon
from ..listener import LISTENER_LANGUAGE, Listener
from ..profile import Profile
from ..recording import OverlapRecorder, RecordCounts, RecordOptions
from ..session import (
    DropReason,
    GateDriver,
    MissingAudio,
    SessionCounter,
    SessionMetrics,
    TranscriptHold,
    listener_thread,
    warm_up,
)
from ..vad import create_detector
from .bot_recording import BotRecording
from .outbox import Outbox
from .pipeline_checks import PipelineChecks, surroundings
from .transcript_frames import (
    RECOGNISER_FRAMES,
    backchannel_of,
    cut_words,
    item_of,
    text_of,
    with_remaining_words,
)
from .transcript_times import TranscriptTimes
from .user_audio import RunningFunctions, UserAudio
from .vad_frame_hold import VadFrameHold
from .word_times import WordTimes

logger = logging.getLogger("prosody_gate")

TIMER_RESOLUTION: Final = 0.05
"""Seconds by which what is held may be given up before its time, so that one timer serves several."""

DOWN, UP = FrameDirection.DOWNSTREAM, FrameDirection.UPSTREAM


class ProsodyGate(FrameProcessor):
    """Holds interruptions back until it is clear that they are some. One object a pipeline.

    It stands between the speech-to-text service and the user aggregator, and has the pipeline's VAD: no `vad_analyzer`
    in the aggregator's parameters. The VAD's frames go upstream as they come; downstream go those, and those
    transcripts, that the gate lets through. The pipeline's turn strategies act on them as ever. In place of the final
    transcript of a backchannel comes a `UserBackchannelFrame`.

    Events:
        on_decision: `(gate, event)`: a `GateEvent`, of every kind: `hold` first, then one of `confirm`, `cancel`,
            `release`.
        on_gate_error: `(gate, error)`: the exception that made the gate transparent; the call goes on as without it.
        on_metrics: `(gate, metrics)`: a `SessionMetrics`, after each decision and once more at the end.

    Example:
        gate = ProsodyGate(vad_analyzer=SileroVADAnalyzer())
        pipeline = Pipeline(
            [transport.input(), stt, gate, user_aggregator, llm, tts, transport.output(), assistant_aggregator]
        )

    Args:
        vad_analyzer: The pipeline's VAD. Nothing else may have one.
        times: Reads when a frame's words were said; None to choose by the speech-to-text service.
        profile: A microphone profile, the path of its file, or its name.
        sensitivity: 0 to 1; None leaves it to the profile, 0.5 without one.
        languages: Codes of packaged languages, the main one first.
        lexicon: Phrases to use instead of those of `languages` and `lexicon_files`.
        lexicon_files: Paths of phrase files of the user's own.
        listener: None for the on-device listener where it knows one of the languages, True to insist on it, False for
            none, or what makes another one.
        sources: Evidence sources instead of the built-in ones.
        options: Options of the gate; they win over the profile.
        record: A folder to record each overlap in, with two seconds around it, the decision and why; or
            `RecordOptions`. None records nothing.
        record_share: Share of the overlaps that are recorded, 0 to 1; None for all, or as `record` says.
        record_text: Whether what was said is written down; None for yes, or as `record` says.
        name: Of the processor, for Pipecat's logs.
        **overrides: Fields of `GateOptions`; they win over `options`.

    Raises:
        OptionError: The VAD, the profile, an option or the sources cannot be used, the listener knows none of the
            languages, or nothing can be recorded in that folder.
        LexiconError: A language or a phrase file cannot be used.
        ModelError: A model is missing or damaged.
    """

    def __init__(
        self,
        *,
        vad_analyzer: VADAnalyzer,
        times: WordTimes | None = None,
        profile: Profile | str | os.PathLike[str] | None = None,
        sensitivity: float | None = None,
        languages: Sequence[str] = (LISTENER_LANGUAGE,),
        lexicon: Lexicon | None = None,
        lexicon_files: Sequence[str | os.PathLike[str]] = (),
        listener: bool | Callable[[], Listener] | None = None,
        sources: Sequence[EvidenceSource] | None = None,
        options: GateOptions | None = None,
        record: RecordOptions | str | os.PathLike[str] | None = None,
        record_share: float | None = None,
        record_text: bool | None = None,
        name: str | None = None,
        **overrides: float,
    ) -> None:
        super().__init__(name=name)
        if not isinstance(vad_analyzer, VADAnalyzer):
            raise OptionError(
                f"vad_analyzer: expected a VADAnalyzer of Pipecat's, as SileroVADAnalyzer(), got {vad_analyzer!r}"
            )
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
        self._listener = listener_thread(self._factory)
        self._expects_transcripts = True
        recording = RecordOptions.of(record, share=record_share, text=record_text)
        self._recorder: OverlapRecorder | None = None
        if recording is not None:
            about = {"pipecat": version("pipecat-ai"), **self._factory.about}
            self._recorder = OverlapRecorder(recording, about=about)
        self._driver = GateDriver(
            self._make_gate,
            on_event=self._on_event,
            on_error=self._on_error,
            may_hold=lambda: not self._vad_frames.muted,
            watcher=self._recorder,
        )
        self._driver.attached = True
        self._audio = UserAudio(self._driver, create_detector("silero"), gain_db=self._factory.input_gain_db)
        self._vad_frames = VadFrameHold(self._driver)
        self._times = TranscriptTimes(self._driver, times)
        self._hold: TranscriptHold[Frame] = TranscriptHold(self._driver, on_drop=self._on_drop, cut=self._cut)
        self._driver.follow(self)
        self._analyzer = vad_analyzer
        self._vad = VADController(vad_analyzer)
        self._vad_onset = 0.0
        self._stt_is_muted = False
        self._functions = RunningFunctions()
        self._checks = PipelineChecks()
        self._counter = SessionCounter()
        self._missing = MissingAudio()
        self._watch: asyncio.TimerHandle | None = None
        self._overdue: asyncio.TimerHandle | None = None
        self._outbox = Outbox(self)
        self._after_audio: list[Frame] = []
        self._finished = False
        for event in ("on_decision", "on_gate_error", "on_metrics"):
            self._register_event_handler(event)
        self._vad.add_event_handler("on_speech_started", self._on_speech_started)
        self._vad.add_event_handler("on_speech_stopped", self._on_speech_stopped)
        self._vad.add_event_handler("on_speech_activity", self._on_speech_activity)
        self._vad.add_event_handler("on_push_frame", self._on_vad_push)
        self._vad.add_event_handler("on_broadcast_frame", self._on_vad_broadcast)

    @staticmethod
    def prewarm() -> None:
        """Load what is slow and make the first calls, once in a process, before its first call.

        Ends with a garbage collection and `gc.freeze()`: the frameworks' modules alone are a great many objects, and to
        look through all of them in mid-call stops the event loop.

        Raises:
            ModelError: A model is missing or damaged.
        """
        detector = create_detector("silero")
        for _ in range(3):
            detector.frame_probability(np.zeros(FRAME_SAMPLES, np.float32))
        warm_up()

    @property
    def gate(self) -> Gate:
        """The framework-free gate inside; made now where it was not needed yet, as for a pipeline with transcripts."""
        return self._driver.gate

    @property
    def metrics(self) -> SessionMetrics:
        """What the gate did so far."""
        return self._counter.metrics

    @property
    def recorded(self) -> RecordCounts | None:
        """What became of the overlaps that were to be recorded; None where nothing is."""
        return None if self._recorder is None else self._recorder.counts

    def update_options(self, **fields: float) -> None:
        """Change options of the gate, also in mid-call.

        Raises:
            OptionError: A field is unknown or out of range; nothing is changed then.
        """
        if self._driver.has_gate:
            self._driver.gate.update_options(**fields)
        else:
            self._factory = dataclasses.replace(self._factory, options=self._factory.options.replace(**fields))

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Set up gate and VAD; the pipeline calls it.

        Args:
            setup: Of the pipeline.
        """
        await super().setup(setup)
        pipeline = getattr(setup.pipeline_worker, "pipeline", None)
        if self._recorder is not None:
            self._recorder.agent_audio = BotRecording(lambda: self._driver.time).follow(setup.pipeline_worker)
        if pipeline is not None:
            found = surroundings(self, pipeline)
            self._checks.check(found)
            self._expects_transcripts = found.stt is not None
            self._times.of_service(found.stt)
        if self._factory.profile is not None and self._factory.profile.echo_guard:
            self._checks.no_echo_guard()
        if not self._driver.transparent and self._listener is not None:
            self._listener.prepare()
        self._outbox.start()
        try:
            await self._vad.setup(setup)
        except ValueError:
            # Silero takes 8 and 16 kHz alone; at another rate it gets what the gate gets.
            self._analyzer.set_sample_rate(SAMPLE_RATE)

    async def cleanup(self) -> None:
        """End the gate and the VAD; the pipeline calls it."""
        self._finish()
        await self._outbox.close()
        await super().cleanup()
        await self._vad.cleanup()
        if self._listener is not None:
            self._listener.close()

    async def queue_frame(
        self, frame: Frame, direction: FrameDirection = DOWN, callback: FrameCallback | None = None
    ) -> None:
        """Take a frame; no interruption drops the words that the user said."""
        if direction is DOWN and isinstance(frame, RECOGNISER_FRAMES):
            frame.interruptible = False
        await super().queue_frame(frame, direction, callback)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Process a frame; the pipeline calls it."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)
            await self._vad.start()
        elif isinstance(frame, EndFrame | CancelFrame):
            self._finish()
            await self._outbox.emptied()
            await self.push_frame(frame, direction)
            await self._vad.stop()
        elif isinstance(frame, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame):
            self._checks.second_vad("another processor reports speech")
        elif direction is UP:
            self._note(frame)
            await self.push_frame(frame, direction)
        elif isinstance(frame, InputAudioRawFrame):
            self._outbox.down(frame)
            self._flush_after_audio()
            await self._vad.process_frame(self._hear(frame))
        elif isinstance(frame, RECOGNISER_FRAMES):
            self._take(frame)
        else:
            self._outbox.down(frame)
        if isinstance(frame, VADParamsUpdateFrame):
            await self._vad.process_frame(frame)

    def gate_moved(self, events: list[GateEvent]) -> None:
        """Send downstream what the gate's step lets through; see `Follower`."""
        before, after = self._vad_frames.gate_moved(events)
        if before:
            self._flush_after_audio()
        self._outbox.down(*before, *self._hold.gate_moved(events))
        self._after_audio += after
        self._set_overdue()

    # The user

    def _hear(self, frame: InputAudioRawFrame) -> InputAudioRawFrame:
        """Give the gate a piece of audio; returns the piece for the VAD: of one channel, at a rate that it takes."""
        for_vad = frame
        try:
            samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
            converted = self._audio.convert(samples, frame.sample_rate)
            for_vad = self._audio.for_vad(frame, converted, sample_rate=self._analyzer.sample_rate)
            if not self._driver.transparent:
                if not self._stt_is_muted:
                    self._times.pushed(len(samples) / frame.sample_rate)
                self._audio.push(converted)
                self._missing.came(asyncio.get_running_loop().time())
                self._set_watch()
        except Exception as error:
            self._driver.fail(error)
        return for_vad

    def _take(self, frame: Frame) -> None:
        """A frame of the recogniser: to the gate, then downstream as the gate decides."""
        try:
            transcript = self._times.transcript(frame)
            if transcript.text:
                self._driver.push_transcript(transcript)
            out = self._hold.push(item_of(frame, transcript), now=asyncio.get_running_loop().time())
        except Exception as error:
            self._driver.fail(error)
            out = [*self._hold.release(), frame]
        self._outbox.down(*out)
        self._set_overdue()

    async def _on_speech_started(self, controller: VADController) -> None:
        start_secs = self._analyzer.params.start_secs
        up = VADUserStartedSpeakingFrame(start_secs=start_secs)
        down = VADUserStartedSpeakingFrame(start_secs=start_secs, timestamp=up.timestamp)
        self._vad_onset = max(self._driver.time - start_secs, 0.0)
        self._send_both(down, up, self._vad_frames.started(down, onset=self._vad_onset))

    async def _on_speech_stopped(self, controller: VADController) -> None:
        stop_secs = self._vad_frames.stop_secs = self._analyzer.params.stop_secs
        up = VADUserStoppedSpeakingFrame(stop_secs=stop_secs)
        down = VADUserStoppedSpeakingFrame(stop_secs=stop_secs, timestamp=up.timestamp)
        speech_end = max(self._driver.time - stop_secs, self._vad_onset)
        self._times.vad_segment(self._vad_onset, speech_end)
        self._send_both(down, up, self._vad_frames.stopped(down, speech_end=speech_end))

    def _send_both(self, down: Frame, up: Frame, out: list[Frame]) -> None:
        down.broadcast_sibling_id, up.broadcast_sibling_id = up.id, down.id
        self._outbox.up(up)
        self._flush_after_audio()
        self._outbox.down(*out)

    async def _on_speech_activity(self, controller: VADController) -> None:
        if self._vad_frames.sent:
            self._outbox.call(self.broadcast_frame, UserSpeakingFrame)
        else:
            self._outbox.up(UserSpeakingFrame())

    async def _on_vad_push(self, controller: VADController, frame: Frame, direction: FrameDirection) -> None:
        self._outbox.call(self.push_frame, frame, direction)

    async def _on_vad_broadcast(self, controller: VADController, frame_class: type[Frame], **fields: Any) -> None:
        self._outbox.call(self.broadcast_frame, frame_class, **fields)

    # The bot, and what else the pipeline says

    def _note(self, frame: Frame) -> None:
        """A frame that goes upstream: what the gate learns from it."""
        try:
            self._functions.note(frame)
            if isinstance(frame, BotStartedSpeakingFrame):
                self._audio.bot_started()
            elif isinstance(frame, BotStoppedSpeakingFrame):
                self._audio.bot_stopped(keeps_floor=bool(self._functions))
            elif isinstance(frame, UserMuteStartedFrame):
                self._vad_frames.muted = True
                self._vad_frames.forget()
                self._hold.clear()
            elif isinstance(frame, UserMuteStoppedFrame):
                self._vad_frames.muted = False
            elif isinstance(frame, STTMuteFrame):
                self._stt_is_muted = frame.mute
                self._driver.gets_transcripts = not frame.mute
        except Exception as error:
            self._driver.fail(error)

    # What comes out

    def _make_gate(self) -> Gate:
        gate = self._factory.gate(listener=self._listener, expects_transcripts=self._expects_transcripts)
        gate.is_transcribed = not self._stt_is_muted
        return gate

    def _flush_after_audio(self) -> None:
        frames, self._after_audio = self._after_audio, []
        self._outbox.down(*frames)

    def _on_event(self, event: GateEvent) -> None:
        self._counter.count(event)
        self._emit("on_decision", event)
        if event.kind is not GateEventKind.HOLD:
            self._emit("on_metrics", self.metrics)

    def _on_error(self, error: Exception) -> None:
        self._counter.count_error()
        self._emit("on_gate_error", error)

    def _emit(self, name: str, value: object) -> None:
        self._outbox.call(self._call_event_handler, name, value)

    def _on_drop(self, frame: Frame, reason: DropReason) -> None:
        self._counter.count_dropped_transcript()
        logger.debug("dropped (%s): %r", reason, text_of(frame), extra={"prosody_gate_reason": reason.value})
        backchannel = None if reason is DropReason.CLEARED else backchannel_of(frame)
        if backchannel is not None:
            self._outbox.down(backchannel)

    def _cut(self, frame: Frame, remaining: Any) -> Frame:
        backchannel = backchannel_of(frame, cut_words(text_of(frame), remaining.text))
        if backchannel is not None:
            self._outbox.down(backchannel)
        return with_remaining_words(frame, remaining)

    # What no frame says

    def _set_watch(self) -> None:
        if self._watch is None and self._missing.next_look is not None:
            self._watch = asyncio.get_running_loop().call_at(self._missing.next_look, self._look_for_audio)

    def _look_for_audio(self) -> None:
        """Give the gate silence in place of audio that does not come, with the microphone off, say."""
        self._watch = None
        if self._driver.transparent or self._finished:
            return
        try:
            now = asyncio.get_running_loop().time()
            at_rest = not (self._vad_frames.open or self._driver.undecided or self._driver.passing)
            due = self._missing.due(now, at_rest=at_rest, on_hold=self._driver.undecided_words)
            if due:
                silence = np.zeros((round(due * SAMPLE_RATE), 1), np.int16)
                self._audio.push(self._audio.convert(silence, SAMPLE_RATE))
            if self._missing.has_stopped:
                self._flush_after_audio()
        except Exception as error:
            self._driver.fail(error)
            return
        self._set_watch()

    def _set_overdue(self) -> None:
        since = self._hold.held_since
        if since is not None and self._overdue is None and not self._finished:
            loop = asyncio.get_running_loop()
            self._overdue = loop.call_at(since + self._hold.longest_hold, self._release_overdue)

    def _release_overdue(self) -> None:
        self._overdue = None
        now = asyncio.get_running_loop().time() + TIMER_RESOLUTION
        try:
            out = self._hold.release_overdue(now - self._hold.longest_hold)
        except Exception as error:
            self._driver.fail(error)
            out = self._hold.release()
        self._outbox.down(*out)
        self._set_overdue()

    def _finish(self) -> None:
        """The call ends: what is undecided is cancelled, and everything passes from then on."""
        if self._finished:
            return
        self._finished = True
        self._audio.settle()
        self._driver.close()
        if self._recorder is not None:
            self._recorder.close()
        self._flush_after_audio()
        for timer in (self._watch, self._overdue):
            if timer is not None:
                timer.cancel()
        self._emit("on_metrics", self.metrics)
