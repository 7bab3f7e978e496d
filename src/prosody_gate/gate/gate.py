"""The gate: holds an interruption back, gathers evidence, and confirms, cancels or releases it."""

from __future__ import annotations

import copy
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from ..errors import AudioError, OptionError
from ..evidence import EvidenceSource, Observation, default_sources
from ..lexicon import Lexicon
from ..listener import STEADY, Hypothesis, Listener
from ..prosody import ProsodyAnalyzer
from ..vad import SpeechChange, SpeechSegmenter
from .gate_event import GateEvent, GateEventKind, GateState, probability_of
from .gate_options import GateOptions
from .overlap import Overlap, Transcript

logger = logging.getLogger("prosody_gate")

LEAD_FRAMES: Final = 6
"""Frames before the onset that the voice evidence gets: the VAD is late for soft consonants."""

LISTENER_LEAD_FRAMES: Final = 8
"""The same for the listener: its recogniser reads best from a quarter of a second before the onset."""

REMEMBERED_SEGMENTS: Final = 16
"""Stretches of speech that a late transcript can still be matched to."""

LATE_TRANSCRIPT: Final = 3.0
"""How long (s) after its speech ended a transcript can still turn a cancelled overlap into an interruption."""

UNTRANSCRIBED_LIMIT: Final = 3
"""Stretches of speech in a row without any transcript after which transcripts are not awaited any more."""

COVERED: Final = 0.1
"""Seconds of a stretch of speech that a transcript's times must cover to be about it."""

MAX_FRAMES: Final = 160
"""Measured frames kept for one overlap (5 s); what comes later tells the voice evidence nothing new."""

MATCH_TOLERANCE: Final = 0.3
"""How far (s) a recogniser's own times may lie beside the speech that the VAD found."""

LEARN_EVERY: Final = 2
"""The user's norms are taken from every second frame of the user's own turns; more frames say no more."""


@dataclass(slots=True)
class _Segment:
    """A stretch of user speech, held (with its overlap) or passed."""

    onset: float
    end: float
    overlap: Overlap | None
    transcribed: bool = False


class Gate:
    """Decides, frame by frame, whether the user's sound over the agent's speech is an interruption.

    Feed it in stream order: `push` for each 32 ms frame, `push_transcript` for each transcript, `agent_started` and
    `agent_stopped`. Each returns the events it caused. The gate is synchronous and deterministic; its only clock
    is the stream's. An error in any part makes it transparent for the rest of the stream: `failure` is set, what is
    held is released, and nothing is held any more.

    Args:
        options: What can be set; the defaults when None.
        lexicon: Ignore and interrupt phrases; English when None.
        listener: On-device recogniser, run only during overlaps; None for none.
        sources: Evidence sources; the built-in ones when None. Each overlap gets its own copies (`copy.copy`, then
            `reset`), so a source may keep what it likes about one overlap on itself, in containers that its `reset`
            makes anew. Names must differ. One with a true attribute `on_device` counts for `listener_confidence`.
        analyzer: Prosody of the user's channel, with what is known of room and speaker; a fresh one when None.
        expects_transcripts: Whether transcripts will come: held speech that has ended then waits for its own.

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
    ) -> None:
        self._options = options or GateOptions()
        self.lexicon = lexicon if lexicon is not None else Lexicon.load()
        self.listener = listener
        """The on-device recogniser, None for none; to be replaced before the first frame only."""
        self._sources = tuple(default_sources(self.lexicon) if sources is None else sources)
        names = ["prior", *(source.name for source in self._sources)]
        if len(set(names)) < len(names):
            raise OptionError(f"sources: expected names that differ, also from 'prior', got {', '.join(names[1:])}")
        self.analyzer = analyzer or ProsodyAnalyzer()
        self.expects_transcripts = expects_transcripts
        self._segmenter = SpeechSegmenter(**self._segmenter_options())
        self._now = 0.0
        self._frames = 0
        self._agent_started: float | None = None
        self._held: Overlap | None = None
        self._pending: list[Overlap] = []
        self._segments: deque[_Segment] = deque(maxlen=REMEMBERED_SEGMENTS)
        self._last_number = 0
        self._untranscribed = 0
        self._closed = False
        self._made: list[GateEvent] = []
        self.failure: Exception | None = None
        """The error that made the gate transparent, None while all is well."""

    @property
    def options(self) -> GateOptions:
        """The options in force."""
        return self._options

    @property
    def time(self) -> float:
        """Stream time, in seconds."""
        return self._now

    @property
    def agent_speaking(self) -> bool:
        """Whether the agent speaks, as far as the gate was told."""
        return self._agent_started is not None

    @property
    def probability(self) -> float | None:
        """P(interruption) of the overlap that is held now; None when none is."""
        return None if self._held is None else probability_of(self._held.log_odds)

    @property
    def speech_onset(self) -> float | None:
        """Onset (s) of the speech that goes on now, held or passed; None in silence."""
        return self._segmenter.onset if self._segmenter.speaking else None

    @property
    def held_overlap(self) -> Overlap | None:
        """The newest overlap that is held or waits for a decision; None when there is none."""
        undecided = self._undecided()
        return undecided[-1] if undecided else None

    @property
    def state(self) -> GateState:
        """Where the gate stands."""
        if self.failure is not None:
            return GateState.FAILED
        if self._held is not None:
            return GateState.HOLDING
        if self._segmenter.speaking:
            return GateState.PASSING
        return GateState.PENDING if self._pending else GateState.IDLE

    def update_options(self, **fields: Any) -> None:
        """Change options in mid-stream; what is held is judged by the new ones from the next frame on.

        Raises:
            OptionError: A field is unknown or out of range; nothing is changed then.
        """
        self._options = self._options.replace(**fields)
        self._segmenter.update_options(**self._segmenter_options())

    def push(self, frame: npt.NDArray[np.float32] | None, speech_probability: float) -> list[GateEvent]:
        """Take the next frame of the user's channel.

        Args:
            frame: [512] float32 in [-1, 1] at 16 kHz; None when there is no audio, only a VAD (then there is no
                voice evidence and no listener).
            speech_probability: The VAD's, 0 to 1.

        Returns:
            The events this frame caused, in order.

        Raises:
            AudioError: The frame does not have 512 samples.
        """
        if frame is not None and len(frame) != FRAME_SAMPLES:
            raise AudioError(f"frame: expected {FRAME_SAMPLES} samples, got {len(frame)}")
        self._frames += 1
        self._now = max(self._now, self._frames * FRAME_DURATION)
        return self._guarded(lambda: self._push(frame, speech_probability))

    def push_transcript(self, transcript: Transcript) -> list[GateEvent]:
        """Take a transcript, at its arrival.

        It is matched to the speech it describes by its own times where it has them, else by its arrival.
        Late, repeated and out-of-order transcripts are harmless.
        """
        self._advance(transcript.at)
        return self._guarded(lambda: self._hear(transcript))

    def agent_started(self, time: float | None = None) -> list[GateEvent]:
        """The agent begins to speak, at stream time `time` (s; now when None)."""
        if self._agent_started is None:
            self._agent_started = self._now if time is None else time
        return []

    def agent_stopped(self, time: float | None = None) -> list[GateEvent]:
        """The agent ends, at stream time `time` (s; now when None): what is held is released to the user."""
        if self._agent_started is None:
            return []
        self._agent_started = None
        if time is not None:
            self._advance(time)
        return self._guarded(lambda: self._agent_stopped(self._now if time is None else time))

    def close(self) -> list[GateEvent]:
        """End the stream: what is still undecided is cancelled."""
        events = self._guarded(
            lambda: [self._decide(overlap, GateEventKind.CANCEL, "stream_end") for overlap in self._undecided()]
        )
        self._closed = True
        return events

    def abandon(self, error: Exception) -> list[GateEvent]:
        """Be transparent from here on, because of an error here or around the gate; releases what is held."""
        self.failure = error
        events = []
        for overlap in self._undecided():
            try:
                events.append(self._decide(overlap, GateEventKind.RELEASE, "failure"))
            except Exception:  # the listener may fail again when it is stopped; the decision stands
                events.append(self._event(overlap, GateEventKind.RELEASE, "failure"))
        return events

    def _advance(self, time: float) -> None:
        """Move the clock on between two frames; a caller's clock that runs ahead must not carry the stream's along."""
        self._now = max(self._now, min(time, (self._frames + 1) * FRAME_DURATION))

    def _guarded(self, step: Callable[[], list[GateEvent]]) -> list[GateEvent]:
        if self.failure is not None or self._closed:
            return []
        self._made = []
        try:
            return step()
        except Exception as error:
            logger.exception("the gate failed and is transparent from here on")
            # What was decided before the failure stands.
            return [*self._made, *self.abandon(error)]

    def _push(self, frame: npt.NDArray[np.float32] | None, speech_probability: float) -> list[GateEvent]:
        if frame is not None:
            self.analyzer.push(frame, speech_probability)
        change = self._segmenter.push(speech_probability)
        if change is SpeechChange.STARTED:
            events = self._begin(frame is not None)
        elif self._held is not None:
            events = self._go_on(self._held, frame, ended=change is SpeechChange.ENDED)
        else:
            events = []
            if self._segmenter.speaking:
                self._segments[-1].end = self._segmenter.last_speech_end
                if frame is not None and self._is_users_turn() and self._frames % LEARN_EVERY == 0:
                    self.analyzer.learn()
        if self._pending:
            events += self._expire()
        return events

    def _add_segment(self, segment: _Segment) -> None:
        """Remember a new stretch of speech, and whether the one before it was transcribed in time."""
        if self._segments:
            last = self._segments[-1]
            if last.transcribed:
                self._untranscribed = 0
            elif self._now - last.end > self._options.transcript_timeout:
                self._untranscribed += 1
        self._segments.append(segment)

    def _is_users_turn(self) -> bool:
        return self._agent_started is None and self._segmenter.last_speech_end >= self._frames * FRAME_DURATION

    def _begin(self, has_audio: bool) -> list[GateEvent]:
        onset, end = self._segmenter.onset, self._segmenter.last_speech_end
        if self._agent_started is None or onset < self._agent_started:
            self._add_segment(_Segment(onset, end, None))
            return []
        earlier = self._joined_before(onset)
        self._last_number += 1
        observation = Observation(
            onset=onset,
            time=self._now,
            speech_end=end,
            agent_started=self._agent_started,
            awaits_words=self.expects_transcripts and self._untranscribed < UNTRANSCRIBED_LIMIT,
            words_end=onset,
        )
        sources = tuple(copy.copy(source) for source in self._sources)
        for source in sources:
            source.reset()
        overlap = Overlap(self._last_number, observation, sources)
        if earlier is not None:
            overlap.follow(earlier)
        self._add_segment(_Segment(onset, end, overlap))
        if has_audio:
            since_onset = round((self._frames * FRAME_DURATION - onset) / FRAME_DURATION)
            frames = self.analyzer.look_back(LEAD_FRAMES + since_onset)
            observation.frames.extend(frames)
            observation.lead_frames = max(len(frames) - since_onset, 0)
            if self.listener is not None:
                self.listener.start(self.analyzer.recent_audio(LISTENER_LEAD_FRAMES + since_onset), onset=onset)
                overlap.is_listened_to = True
        self._weigh(overlap)
        hold = self._event(overlap, GateEventKind.HOLD, "speech")
        self._held = overlap
        return [hold, *self._judge(overlap)]

    def _go_on(self, overlap: Overlap, frame: npt.NDArray[np.float32] | None, *, ended: bool) -> list[GateEvent]:
        observation = overlap.observation
        observation.time = self._now
        observation.speech_end = self._segments[-1].end = self._segmenter.last_speech_end
        observation.ended = ended
        if frame is not None:
            if len(observation.frames) < MAX_FRAMES:
                observation.frames.append(self.analyzer.measure())
            if self.listener is not None and overlap.is_listened_to:
                self._heard(overlap, self.listener.push(frame, time=self._now))
                if ended:
                    self._heard(overlap, self.listener.finish(time=self._now))
        if ended:
            self._held = None
            self._pending.append(overlap)
        self._weigh(overlap)
        return self._judge(overlap)

    def _heard(self, overlap: Overlap, hypothesis: Hypothesis | None) -> None:
        if hypothesis is None:
            return
        overlap.recognised_text = hypothesis.text
        overlap.observation.recognised = hypothesis
        overlap.observation.recognised_match = self.lexicon.match(hypothesis.text, final=False)

    def _hear(self, transcript: Transcript) -> list[GateEvent]:
        segment = self._segment_at(transcript)
        if segment is None or not transcript.text.strip():
            return []
        segment.transcribed = True
        overlap = segment.overlap
        if overlap is None or overlap.decision in (GateEventKind.CONFIRM, GateEventKind.RELEASE):
            return []
        if not overlap.take(transcript):
            return []
        self._read(overlap, transcript)
        if overlap.decision is None:
            self._weigh(overlap)
            return self._judge(overlap)
        if overlap.decision is GateEventKind.CANCEL:
            return self._reopen(overlap)
        return []

    def _read(self, overlap: Overlap, transcript: Transcript) -> None:
        """Bring the transcript's words into the observation."""
        observation = overlap.observation
        own, earlier = overlap.transcript_text, overlap.earlier_text
        final = overlap.interim is None
        match = overlap.own_match = self.lexicon.match(own, final=final)
        observation.words = len(match.tokens)
        described = transcript.at - self._options.transcript_lag if transcript.end is None else transcript.end
        observation.words_end = min(max(described, observation.words_end), observation.speech_end)
        observation.time = self._now
        observation.transcript = self.lexicon.match(f"{earlier} {own}", final=final) if earlier else match

    def _judge(self, overlap: Overlap) -> list[GateEvent]:
        if self._says_interrupt(overlap):
            return self._confirm(overlap, "phrase")
        if self._hears_interrupt(overlap):
            return self._confirm(overlap, "heard_phrase")
        if overlap.log_odds >= self._options.confirm_log_odds:
            return self._confirm(overlap, "evidence")
        if self._unexplained(overlap.observation) >= self._options.max_hold:
            return self._confirm(overlap, "max_hold")
        return []

    @staticmethod
    def _unexplained(observation: Observation) -> float:
        """Speech that still goes on and that the transcript has not shown to be ignore phrases, in seconds."""
        if observation.ended:
            return 0.0
        known = observation.words_end if observation.transcript.ignore_only else observation.onset
        return observation.speech_end - known

    def _says_interrupt(self, overlap: Overlap) -> bool:
        """Whether the transcript has an interrupt phrase, in this overlap's words or running into them."""
        if overlap.own_match.interrupt is not None:
            return True
        if overlap.observation.transcript.interrupt is None:
            return False
        # A phrase in the words before this overlap was judged already.
        return self.lexicon.match(overlap.earlier_text).interrupt is None

    def _hears_interrupt(self, overlap: Overlap) -> bool:
        """Whether the listener hears an interrupt phrase, and what is known on the device makes it sure enough."""
        observation = overlap.observation
        heard = observation.recognised
        if observation.words or heard is None or observation.recognised_match.interrupt is None:
            return False
        # A first guess is often taken back.
        if heard.standing(observation.time) < STEADY:
            return False
        nats = sum(overlap.evidence[source.name] for source in overlap.sources if getattr(source, "on_device", False))
        return probability_of(nats) >= self._options.listener_confidence

    def _weigh(self, overlap: Overlap) -> None:
        evidence = {"prior": self._options.prior}
        total = self._options.prior
        for source in overlap.sources:
            nats = source.update(overlap.observation)
            if not math.isfinite(nats):
                raise OptionError(f"evidence source {source.name!r} gave {nats}; expected a finite number of nats")
            evidence[source.name] = nats
            total += nats
        overlap.evidence = evidence
        overlap.log_odds = total

    def _confirm(self, overlap: Overlap, reason: str) -> list[GateEvent]:
        """Confirm an overlap, and with it what was said after it and what it continues."""
        events = [self._decide(overlap, GateEventKind.CONFIRM, reason)]
        following = overlap
        for other in reversed(self._undecided()):
            is_later = other.onset > overlap.onset
            joined = following.onset - other.speech_end <= self._options.utterance_gap
            if is_later or (joined and self._says_something(other)):
                events.append(self._decide(other, GateEventKind.CONFIRM, "continued"))
                following = following if is_later else other
            else:
                events.append(self._decide(other, GateEventKind.CANCEL, self._cancel_reason(other)))
        return events

    def _says_something(self, overlap: Overlap) -> bool:
        """Whether an undecided overlap is more than a backchannel: by its words, else by its evidence."""
        if overlap.text:
            return not self.lexicon.match(overlap.text).ignore_only
        return overlap.log_odds >= 0.0

    def _expire(self) -> list[GateEvent]:
        """Cancel what has waited long enough; speech that was continued waits with what continues it, within limits."""
        patience = self._options.tail_boundary
        if self.expects_transcripts:
            patience = max(patience, self._options.transcript_timeout)
        expired: list[Overlap] = []
        following, deadline = self._held, math.inf
        for overlap in reversed(self._pending):
            own = overlap.speech_end + patience
            joined = following is not None and following.onset - overlap.speech_end <= self._options.utterance_gap
            deadline = max(own, min(deadline, overlap.speech_end + LATE_TRANSCRIPT)) if joined else own
            following = overlap
            if self._now >= deadline:
                expired.insert(0, overlap)
        return [self._decide(overlap, GateEventKind.CANCEL, self._cancel_reason(overlap)) for overlap in expired]

    def _agent_stopped(self, time: float) -> list[GateEvent]:
        events = []
        for overlap in self._undecided():
            if overlap is self._held or time - overlap.speech_end <= self._options.tail_boundary:
                events.append(self._decide(overlap, GateEventKind.RELEASE, "agent_stopped"))
            else:
                events.append(self._decide(overlap, GateEventKind.CANCEL, self._cancel_reason(overlap)))
        return events

    def _reopen(self, cancelled: Overlap) -> list[GateEvent]:
        """A transcript that came after the cancel shows an interruption: hold and confirm it now."""
        late = self._now - cancelled.speech_end
        if self._agent_started is None or late > LATE_TRANSCRIPT or cancelled.onset < self._agent_started:
            return []
        self._weigh(cancelled)
        says_interrupt = self._says_interrupt(cancelled)
        if not says_interrupt and cancelled.log_odds < self._options.confirm_log_odds:
            return []
        self._last_number += 1
        overlap = copy.copy(cancelled)
        overlap.number, overlap.decision = self._last_number, None
        for segment in self._segments:
            if segment.overlap is cancelled:
                segment.overlap = overlap
        hold = self._event(overlap, GateEventKind.HOLD, "late_transcript")
        return [hold, *self._confirm(overlap, "phrase" if says_interrupt else "evidence")]

    def overlap_of(self, transcript: Transcript) -> Overlap | None:
        """The overlap that a transcript describes; None when it describes speech that was passed, or none at all."""
        segment = self._segment_at(transcript)
        return None if segment is None else segment.overlap

    def knows(self, transcript: Transcript) -> bool:
        """Whether a transcript describes speech, held or passed, that the gate remembers."""
        return self._segment_at(transcript) is not None

    def _segment_at(self, transcript: Transcript) -> _Segment | None:
        if not self._segments:
            return None
        if transcript.start is not None or transcript.end is not None:
            start = transcript.start if transcript.start is not None else transcript.end
            end = transcript.end if transcript.end is not None else transcript.start
            assert start is not None
            assert end is not None
            # New words stand at the end: of all the speech that a transcript covers, it is about the latest.
            for segment in reversed(self._segments):
                if min(end, segment.end) - max(start, segment.onset) >= min(COVERED, segment.end - segment.onset):
                    return segment
            nearest = max(self._segments, key=lambda segment: min(end, segment.end) - max(start, segment.onset))
            shared = min(end, nearest.end) - max(start, nearest.onset)
            return nearest if shared > -MATCH_TOLERANCE else None
        described = transcript.at - self._options.transcript_lag
        latest = self._segments[-1]
        for segment in reversed(self._segments):
            if segment.onset <= described:
                # Speech that ended long ago has its transcript: this one is quicker than `transcript_lag`.
                return segment if described - segment.end <= LATE_TRANSCRIPT or segment is latest else latest
        return self._segments[0]

    def _joined_before(self, onset: float) -> Overlap | None:
        """The held or cancelled speech that this onset follows within one utterance."""
        last = self._segments[-1] if self._segments else None
        if last is None or onset - last.end > self._options.utterance_gap:
            return None
        return last.overlap

    def _undecided(self) -> list[Overlap]:
        held = [] if self._held is None else [self._held]
        return [*self._pending, *held]

    def _cancel_reason(self, overlap: Overlap) -> str:
        said = overlap.text
        return "ignore_phrase" if said and self.lexicon.match(said).ignore_only else "evidence"

    def _decide(self, overlap: Overlap, kind: GateEventKind, reason: str) -> GateEvent:
        event = self._event(overlap, kind, reason)
        overlap.decision = kind
        overlap.observation.frames.clear()
        if overlap in self._pending:
            self._pending.remove(overlap)
        if overlap is self._held:
            self._held = None
            if self.listener is not None and overlap.is_listened_to:
                self.listener.finish(time=self._now)
        return event

    def _event(self, overlap: Overlap, kind: GateEventKind, reason: str) -> GateEvent:
        event = GateEvent(
            kind=kind,
            overlap=overlap.number,
            onset=overlap.onset,
            time=self._now,
            speech_duration=overlap.observation.speech_duration,
            reason=reason,
            probability=probability_of(overlap.log_odds),
            evidence=MappingProxyType(dict(overlap.evidence)),
            transcript=overlap.transcript_text,
            recognised=overlap.recognised_text,
        )
        self._made.append(event)
        return event

    def _segmenter_options(self) -> dict[str, float]:
        options = self._options
        return {
            "activation_threshold": options.activation_threshold,
            "deactivation_threshold": options.deactivation_threshold,
            "min_speech_duration": options.min_speech_duration,
            "min_silence_duration": options.min_silence_duration,
        }
