"""The gate: holds an interruption back, gathers evidence, and confirms, cancels or releases it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from ..errors import AudioError, ModelError, OptionError
from ..evidence import EvidenceSource, Observation, default_sources
from ..lexicon import Lexicon
from ..listener import Hypothesis, Listener
from ..prosody import HISTORY_FRAMES, ProsodyAnalyzer, ProsodyFrame
from ..vad import SpeechChange, SpeechSegmenter
from .decision_rule import DecisionRule
from .gate_event import GateEvent, GateEventKind, GateState, probability_of
from .gate_options import GateOptions
from .life_cycle import Cause, LifeCycle
from .overlap import LATE_TRANSCRIPT, Overlap, OverlapView, Transcript
from .speech_history import SpeechHistory

logger = logging.getLogger("prosody_gate")

LEAD_FRAMES: Final = 6
"""Frames before the onset that the voice evidence gets: the VAD is late for soft consonants."""

LISTENER_LEAD_FRAMES: Final = 8
"""The same for the listener: its recogniser reads best from a quarter of a second before the onset."""

AUDIO_LEAD_FRAMES: Final = 8
"""Frames of sound before the onset that the voice evidence gets (0.256 s): enough to know the room by."""

AUDIO_FRAMES: Final = 64
"""Frames of sound kept for one overlap (2 s); the voice evidence hears the first 1.4 s of it."""

MAX_FRAMES: Final = 160
"""Measured frames kept for one overlap (5 s); of what comes later, `Observation.newest` has the last one."""

NO_EVIDENCE: Final[Mapping[str, float]] = MappingProxyType({})

LEARN_EVERY: Final = 2
"""The user's norms are taken from every second frame of the user's own turns; more frames add nothing."""


class Gate:
    """Decides, frame by frame, whether the user's sound over the agent's speech is an interruption.

    Feed it in stream order: `push` for each 32 ms frame, `push_transcript` for each transcript, `agent_started`,
    `agent_paused` and `agent_stopped`. Each returns the events it caused. The gate is synchronous and deterministic;
    its only clock is the stream's. An error in any part makes it transparent for the rest of the stream: `failure` is
    set, what is held is released, and nothing is held any more. Only a listener or a source whose model fails
    (`ModelError`) is left out from then on, with a line in the log.

    `GateFactory` makes gates from a profile, languages and options; this constructor takes the parts themselves.

    Args:
        options: What can be set; the defaults when None.
        lexicon: Ignore and interrupt phrases; English when None.
        listener: On-device recogniser, run only during overlaps; None for none.
        sources: Evidence sources; the built-in ones when None. Each overlap gets its own copies (`copy.copy`, then
            `reset`), so a source may keep what it likes about one overlap on itself, in containers that its `reset`
            makes anew. Names must differ. One with a true attribute `on_device` counts for `listener_confidence`.
        analyzer: Prosody of the user's channel, with what is known of room and speaker; a fresh one when None.
        expects_transcripts: Whether transcripts will come: held speech that has ended then waits for its own.
        input_gain_db: By how much the caller amplifies the user's frames before the VAD and `push` get them, in dB, as
            the microphone's profile wants it. The gate does not amplify by itself; `replay` and `AudioFeed` look here.

    Raises:
        OptionError: Two sources have the same name, or one is called "prior".
    """

    def __init__(
        self,
        options: GateOptions | None = None,
        *,
        lexicon: Lexicon | None = None,
        listener: Listener | None = None,
        sources: Sequence[EvidenceSource] | None = None,
        analyzer: ProsodyAnalyzer | None = None,
        expects_transcripts: bool = False,
        input_gain_db: float = 0.0,
    ) -> None:
        options = options or GateOptions()
        self._lexicon = lexicon if lexicon is not None else Lexicon.load()
        self._listener = listener
        self._rule = DecisionRule(
            options, self._lexicon, default_sources(self._lexicon) if sources is None else sources
        )
        self._analyzer = analyzer or ProsodyAnalyzer()
        self._expects_transcripts = expects_transcripts
        self._input_gain_db = input_gain_db
        self._segmenter = SpeechSegmenter(**options.segmenter_options)
        self._history = SpeechHistory()
        self._now = 0.0
        self._frames = 0
        self._agent_started: float | None = None
        self._agent_pauses = False
        self._overlaps = LifeCycle()
        self._last_number = 0
        self._events: list[GateEvent] = []
        self._ahead: list[ProsodyFrame] = []
        self._closed = False
        self.is_transcribed = True
        """Whether speech-to-text gets the user's audio now. False while something else keeps it away, as LiveKit does
        during its echo warm-up: that the recogniser then says nothing tells nothing about it."""
        self.failure: Exception | None = None
        """The error that made the gate transparent, None while all is well."""

    @property
    def options(self) -> GateOptions:
        """The options in force."""
        return self._rule.options

    @property
    def lexicon(self) -> Lexicon:
        """Ignore and interrupt phrases."""
        return self._lexicon

    @property
    def listener(self) -> Listener | None:
        """The on-device recogniser, None for none."""
        return self._listener

    @property
    def analyzer(self) -> ProsodyAnalyzer:
        """Prosody of the user's channel."""
        return self._analyzer

    @property
    def expects_transcripts(self) -> bool:
        """Whether transcripts will come."""
        return self._expects_transcripts

    @property
    def input_gain_db(self) -> float:
        """By how much the user's frames are to be amplified before the VAD and `push` get them, in dB."""
        return self._input_gain_db

    @property
    def time(self) -> float:
        """Stream time, in seconds."""
        return self._now

    @property
    def is_fresh(self) -> bool:
        """Whether it was given nothing yet: a gate is for one stream."""
        return self._now == 0.0 and self._frames == 0 and self._agent_started is None and not self._closed

    @property
    def agent_speaking(self) -> bool:
        """Whether the agent speaks, as far as the gate knows."""
        return self._agent_started is not None

    @property
    def probability(self) -> float | None:
        """P(interruption) of the overlap that is held now; None when none is."""
        held = self._overlaps.held
        return None if held is None else probability_of(held.log_odds)

    @property
    def evidence(self) -> Mapping[str, float]:
        """Each source's share (nats, the prior included) in the newest undecided overlap; empty when there is none."""
        undecided = self._overlaps.undecided
        return undecided[-1].evidence if undecided else NO_EVIDENCE

    @property
    def speech_onset(self) -> float | None:
        """Onset (s) of the speech that goes on now, held or passed; None in silence."""
        return self._segmenter.onset if self._segmenter.speaking else None

    @property
    def held_overlap(self) -> OverlapView | None:
        """The newest overlap that is held or waits for a decision; None when there is none."""
        undecided = self._overlaps.undecided
        return undecided[-1].view if undecided else None

    @property
    def state(self) -> GateState:
        """Where the gate stands."""
        if self.failure is not None:
            return GateState.FAILED
        if self._overlaps.held is not None:
            return GateState.HOLDING
        if self._segmenter.speaking:
            return GateState.PASSING
        return GateState.PENDING if self._overlaps.undecided else GateState.IDLE

    def update_options(self, **fields: Any) -> None:
        """Change options in mid-stream; what is held is weighed by the new ones from the next frame on.

        Raises:
            OptionError: A field is unknown or out of range; nothing is changed then.
        """
        self._rule.options = self.options.replace(**fields)
        self._segmenter.update_options(**self.options.segmenter_options)

    def new_speaker(self) -> None:
        """Somebody else has the microphone from now on: forget how loud and how high the user spoke."""
        self._analyzer.new_speaker()

    def push(self, frame: npt.NDArray[np.float32] | None, speech_probability: float) -> list[GateEvent]:
        """Take the next frame of the user's channel.

        Args:
            frame: [512] float32 in [-1, 1] at 16 kHz; None when there is no audio, only a VAD (then there is no
                voice evidence and no listener).
            speech_probability: The VAD's, 0 to 1.

        Returns:
            The events this frame caused, in order.

        Raises:
            AudioError: The frame does not have that shape, type or range.
            OptionError: The speech probability lies outside 0 to 1.
        """
        if frame is not None:
            _check_frame(frame)
        if not 0.0 <= speech_probability <= 1.0:
            raise OptionError(f"speech_probability: expected a number from 0 to 1, got {speech_probability!r}")
        self._frames += 1
        self._now = max(self._now, self._frames * FRAME_DURATION)
        return self._collect(lambda: self._take_frame(frame, speech_probability))

    def push_transcript(self, transcript: Transcript) -> list[GateEvent]:
        """Take a transcript, at its arrival.

        It is matched to the speech it describes by its own times where it has them, else by its arrival.
        Late, repeated and out-of-order transcripts are harmless.
        """
        self._advance(transcript.at)
        return self._collect(lambda: self._take_transcript(transcript))

    def agent_started(self, time: float | None = None) -> list[GateEvent]:
        """The agent begins to speak, at stream time `time` (s; now when None)."""
        self._agent_pauses = False
        if self._agent_started is None:
            self._agent_started = self._now if time is None else time
            self._analyzer.own_level.end_turn()
        return []

    def agent_paused(self, time: float | None = None) -> list[GateEvent]:
        """The agent falls silent at stream time `time` (s; now when None) but has more to say: a tool runs, say.

        What is held goes on to be weighed, for the agent has not handed over the floor; what has ended and is ignore
        phrases alone is cancelled. Speech that begins now passes. Followed by `agent_started` or `agent_stopped`.
        """
        if self._agent_started is None:
            return []
        self._agent_started, self._agent_pauses = None, True
        if time is not None:
            self._advance(time)
        return self._collect(self._keep_the_floor)

    def agent_stopped(self, time: float | None = None) -> list[GateEvent]:
        """The agent ends, at stream time `time` (s; now when None): what is held is released to the user."""
        if self._agent_started is None and not self._agent_pauses:
            return []
        self._agent_started, self._agent_pauses = None, False
        if time is not None:
            self._advance(time)
        return self._collect(lambda: self._leave_the_floor(self._now if time is None else time))

    def close(self) -> list[GateEvent]:
        """End the stream: what is still undecided is cancelled."""
        events = self._collect(self._end_stream)
        self._closed = True
        return events

    def abandon(self, error: Exception) -> list[GateEvent]:
        """Be transparent from here on, because of an error here or around the gate; releases what is held."""
        self._events = []
        self._fail(error)
        return self._events

    def overlap_of(self, transcript: Transcript) -> OverlapView | None:
        """The overlap that a transcript describes; None when it describes speech that was passed, or none at all."""
        segment = self._history.described_by(transcript, lag=self.options.transcript_lag)
        return None if segment is None or segment.overlap is None else segment.overlap.view

    def decision_of(self, number: int) -> GateEventKind | None:
        """What was decided about an overlap: confirm, cancel or release.

        Args:
            number: As in `GateEvent.overlap` and `OverlapView.number`.

        Returns:
            None while it is undecided, and for an overlap of long ago (more than 256 overlaps).
        """
        return self._overlaps.decision_of(number)

    def knows(self, transcript: Transcript) -> bool:
        """Whether a transcript describes speech, held or passed, that the gate remembers."""
        return self._history.described_by(transcript, lag=self.options.transcript_lag) is not None

    def covers_let_through(self, transcript: Transcript) -> bool:
        """Whether a transcript has words of speech that was passed, confirmed or released, whatever else it covers.

        Without times it may have where it is the first final transcript since speech that was passed: where it begins
        with what is known of that speech, else where it is more than one ignore phrase.
        """
        return self._history.covers_let_through(transcript, self._lexicon)

    # Clock and errors

    def _advance(self, time: float) -> None:
        """Move the clock on between two frames; a caller's clock that runs ahead must not carry the stream's along."""
        self._now = max(self._now, min(time, (self._frames + 1) * FRAME_DURATION))

    def _collect(self, step: Callable[[], None]) -> list[GateEvent]:
        """The events of one step. One that fails makes the gate transparent; what it decided before that stands."""
        if self.failure is not None or self._closed:
            return []
        self._events = []
        try:
            step()
        except Exception as error:
            logger.exception("the gate failed and is transparent from here on")
            self._fail(error)
        return self._events

    def _fail(self, error: Exception) -> None:
        self.failure = error
        for overlap in self._overlaps.undecided:
            try:
                self._move(overlap, Cause.FAILED, "failure")
            except Exception:
                # The listener may fail again when it is stopped; the decision stands.
                logger.debug("a part failed again while the gate was given up", exc_info=True)

    # The user's channel

    def _take_frame(self, frame: npt.NDArray[np.float32] | None, speech_probability: float) -> None:
        if frame is not None:
            self._analyzer.push(frame, speech_probability)
        change = self._segmenter.push(speech_probability)
        if frame is not None and self._segmenter.candidate_onset is not None and self._agent_started is not None:
            self._measure_ahead()
        elif change is None:
            self._ahead.clear()
        if change is SpeechChange.STARTED:
            self._begin_speech(has_audio=frame is not None)
        elif self._overlaps.held is not None:
            self._go_on(self._overlaps.held, frame, ended=change is SpeechChange.ENDED)
        elif self._segmenter.speaking:
            self._history.extend(self._segmenter.last_speech_end)
            if frame is not None and self._is_users_turn() and self._frames % LEARN_EVERY == 0:
                self._analyzer.learn()
        self._expire()

    def _is_users_turn(self) -> bool:
        return self._agent_started is None and self._segmenter.last_speech_end >= self._frames * FRAME_DURATION

    def _begin_speech(self, *, has_audio: bool) -> None:
        onset, end = self._segmenter.onset, self._segmenter.last_speech_end
        timeout = self.options.transcript_timeout
        if self._agent_started is None or onset < self._agent_started:
            self._history.begin(onset, end, None, now=self._now, timeout=timeout, is_transcribed=self.is_transcribed)
            return
        earlier = self._history.continued_by(onset, gap=self.options.utterance_gap)
        observation = Observation(
            onset=onset,
            time=self._now,
            speech_end=end,
            agent_started=self._agent_started,
            awaits_words=self._expects_transcripts and self.is_transcribed and self._history.has_transcripts,
            words_end=onset,
        )
        overlap = Overlap(self._next_number(), observation, self._rule.fresh_sources())
        if earlier is not None:
            overlap.follow(earlier)
        self._history.begin(onset, end, overlap, now=self._now, timeout=timeout, is_transcribed=self.is_transcribed)
        if has_audio:
            since_onset = round((self._frames * FRAME_DURATION - onset) / FRAME_DURATION)
            frames = self._frames_since_the_lead(since_onset)
            observation.frames.extend(frames)
            observation.lead_frames = max(len(frames) - since_onset, 0)
            samples = self._analyzer.recent_audio(min(AUDIO_LEAD_FRAMES + since_onset, self._frames))
            observation.audio.extend(samples.reshape(-1, FRAME_SAMPLES))
            observation.audio_lead_frames = max(len(observation.audio) - since_onset, 0)
            self._note_own_level(observation)
            self._start_listening(overlap, since_onset)
        self._rule.weigh(overlap)
        self._move(overlap, Cause.SPEECH_OVER_AGENT, "speech")
        self._confirm_if_sure(overlap)

    def _go_on(self, overlap: Overlap, frame: npt.NDArray[np.float32] | None, *, ended: bool) -> None:
        observation = overlap.observation
        observation.time = self._now
        observation.speech_end = self._segmenter.last_speech_end
        observation.ended = ended
        self._history.extend(observation.speech_end)
        if frame is not None:
            observation.newest = self._analyzer.measure()
            self._note_own_level(observation)
            if len(observation.frames) < MAX_FRAMES:
                observation.frames.append(observation.newest)
            if len(observation.audio) < AUDIO_FRAMES:
                observation.audio.append(frame.copy())
            if overlap.is_listened_to:
                self._listen(overlap, frame, ended=ended)
        if ended:
            self._move(overlap, Cause.SPEECH_ENDED, "")
        self._rule.weigh(overlap)
        self._confirm_if_sure(overlap)

    def _note_own_level(self, observation: Observation) -> None:
        own_level = self._analyzer.own_level
        observation.own_level_dbfs, observation.own_level_unknown = own_level.dbfs, own_level.unknown

    def _measure_ahead(self) -> None:
        """Measure what an overlap will need if this run of speech becomes one: at its onset all of it would be too much
        at once."""
        frames = [self._analyzer.measure()] if self._ahead else self._analyzer.look_back(LEAD_FRAMES + 1)
        self._ahead.extend(frames)

    def _frames_since_the_lead(self, since_onset: int) -> list[ProsodyFrame]:
        """The measured frames from a little before the onset, `since_onset` frames ago, up to now."""
        wanted = LEAD_FRAMES + since_onset
        ahead, self._ahead = self._ahead, []
        if len(ahead) == wanted - 1 and wanted <= HISTORY_FRAMES:
            return [*ahead, self._analyzer.measure()]
        return self._analyzer.look_back(wanted)

    def _start_listening(self, overlap: Overlap, since_onset: int) -> None:
        if self._listener is None:
            return
        try:
            self._listener.start(self._analyzer.recent_audio(LISTENER_LEAD_FRAMES + since_onset), onset=overlap.onset)
            overlap.is_listened_to = True
        except ModelError as error:
            self._give_up_listener(error)

    def _listen(self, overlap: Overlap, frame: npt.NDArray[np.float32], *, ended: bool) -> None:
        if self._listener is None:
            return
        try:
            self._recognise(overlap, self._listener.push(frame, time=self._now))
            if ended:
                self._recognise(overlap, self._listener.finish(time=self._now))
        except ModelError as error:
            self._give_up_listener(error)

    def _give_up_listener(self, error: ModelError) -> None:
        """Its recogniser fails: the rest of the gate is none the worse for it."""
        logger.warning("the gate goes on without its listener: %s", error)
        self._listener = None

    def _recognise(self, overlap: Overlap, hypothesis: Hypothesis | None) -> None:
        if hypothesis is None:
            return
        overlap.recognised_text = hypothesis.text
        overlap.observation.recognised = hypothesis
        overlap.observation.recognised_match = self._lexicon.match(hypothesis.text, final=False)

    def _expire(self) -> None:
        """Cancel what has waited long enough for a transcript or the agent's end."""
        patience = self.options.tail_boundary
        if self._expects_transcripts:
            patience = max(patience, self.options.transcript_timeout)
        for overlap in self._overlaps.expired(self._now, patience=patience, gap=self.options.utterance_gap):
            self._move(overlap, Cause.EXPIRED, self._rule.reason_to_cancel(overlap))

    # Transcripts

    def _take_transcript(self, transcript: Transcript) -> None:
        segment = self._history.described_by(transcript, lag=self.options.transcript_lag)
        if segment is None or not transcript.text.strip():
            return
        own = self._history.words_of_overlap(transcript, segment, self._lexicon, self.options)
        self._history.note(segment, transcript)
        overlap = segment.overlap
        if overlap is None or overlap.decision in (GateEventKind.CONFIRM, GateEventKind.RELEASE):
            return
        if own is None or not overlap.add_transcript(own):
            return
        transcript = own
        until = transcript.at - self.options.transcript_lag if transcript.end is None else transcript.end
        overlap.read_words(self._lexicon, described_until=until, now=self._now)
        if overlap.decision is None:
            self._rule.weigh(overlap)
            self._confirm_if_sure(overlap)
        else:
            self._reopen_if_wrong(overlap)

    def _reopen_if_wrong(self, cancelled: Overlap) -> None:
        """Hold and confirm a cancelled overlap now, if a late transcript shows that it was an interruption."""
        late = self._now - cancelled.speech_end
        if self._agent_started is None or late > LATE_TRANSCRIPT or cancelled.onset < self._agent_started:
            return
        self._rule.weigh(cancelled)
        reason = self._rule.reason_to_reopen(cancelled)
        if reason is None:
            return
        overlap = copy.copy(cancelled)
        overlap.number, overlap.state = self._next_number(), None
        self._history.reopened(cancelled, overlap)
        self._move(overlap, Cause.LATE_TRANSCRIPT, "late_transcript")
        self._confirm(overlap, reason)

    # The agent, and the end

    def _leave_the_floor(self, time: float) -> None:
        for overlap in self._overlaps.undecided:
            if overlap is self._overlaps.held or time - overlap.speech_end <= self.options.tail_boundary:
                self._move(overlap, Cause.AGENT_STOPPED, "agent_stopped")
            else:
                self._move(overlap, Cause.EXPIRED, self._rule.reason_to_cancel(overlap))

    def _keep_the_floor(self) -> None:
        for overlap in self._overlaps.undecided:
            reason = self._rule.reason_to_cancel(overlap)
            if overlap is not self._overlaps.held and reason == "ignore_phrase":
                self._move(overlap, Cause.EXPIRED, reason)

    def _end_stream(self) -> None:
        for overlap in self._overlaps.undecided:
            self._move(overlap, Cause.STREAM_ENDED, "stream_end")

    # Decisions

    def _confirm_if_sure(self, overlap: Overlap) -> None:
        reason = self._rule.reason_to_confirm(overlap)
        if reason is not None:
            self._confirm(overlap, reason)

    def _confirm(self, overlap: Overlap, reason: str) -> None:
        """Confirm an overlap, and with it what was said after it and what it continues."""
        self._move(overlap, Cause.CONFIRMED, reason)
        following = overlap
        for other in reversed(self._overlaps.undecided):
            is_later = other.onset > overlap.onset
            joined = following.onset - other.speech_end <= self.options.utterance_gap
            if is_later or (joined and self._rule.is_more_than_a_backchannel(other)):
                self._move(other, Cause.CONFIRMED, "continued")
                following = following if is_later else other
            else:
                self._move(other, Cause.EXPIRED, self._rule.reason_to_cancel(other))

    def _move(self, overlap: Overlap, cause: Cause, reason: str) -> None:
        """Move an overlap on, and report it: the one place where events are made.

        Args:
            overlap: Which.
            cause: What happened.
            reason: For the event.
        """
        was_held = overlap is self._overlaps.held
        kind = self._overlaps.move(overlap, cause)
        if kind is not None:
            self._events.append(self._event(overlap, kind, reason))
        if overlap.decision is not None:
            overlap.observation.frames.clear()
            overlap.observation.audio.clear()
            if was_held and self._listener is not None and overlap.is_listened_to:
                self._listener.finish(time=self._now)

    def _event(self, overlap: Overlap, kind: GateEventKind, reason: str) -> GateEvent:
        return GateEvent(
            kind=kind,
            overlap=overlap.number,
            onset=overlap.onset,
            time=self._now,
            speech_duration=overlap.observation.speech_duration,
            reason=reason,
            probability=probability_of(overlap.log_odds),
            evidence=MappingProxyType(dict(overlap.evidence)),
            notes=MappingProxyType(dict(overlap.notes)),
            transcript=overlap.transcript_text,
            recognised=overlap.recognised_text,
        )

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number


def _check_frame(frame: npt.NDArray[np.float32]) -> None:
    if not isinstance(frame, np.ndarray):
        raise AudioError(f"frame: expected a NumPy array of {FRAME_SAMPLES} samples, got {type(frame).__name__}")
    if frame.shape != (FRAME_SAMPLES,):
        got = len(frame) if frame.ndim == 1 else f"an array of shape {list(frame.shape)}"
        raise AudioError(f"frame: expected {FRAME_SAMPLES} samples, got {got}")
    if frame.dtype != np.float32:
        raise AudioError(f"frame: expected float32 samples in [-1, 1], got {frame.dtype}; to_float32 converts them")
    # A NaN fails both comparisons.
    if not (frame.min() >= -1.0 and frame.max() <= 1.0):
        raise AudioError("frame: expected samples in [-1, 1], got some beyond it or not finite")
