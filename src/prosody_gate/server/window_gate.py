"""The gate over the windows of one client: feeds it what is new, and says what it makes of each window."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from ..gate import Gate, GateEvent, GateEventKind, GateOptions, probability_of
from ..gate_factory import GateFactory
from ..listener import Listener
from ..prosody import NoiseFloor, ProsodyAnalyzer
from ..recording import OverlapRecorder
from ..session import AudioFeed
from ..vad import SpeechDetector, create_detector
from .frames import SLOT_SAMPLES, WINDOW_SAMPLES, Pcm, SessionCreate
from .window_reader import WindowReader

REMEMBERED_FRAMES: Final = WINDOW_SAMPLES // FRAME_SAMPLES + 4
"""Frames of the gate (a little over 3 s) whose probability is kept."""

FRESH: Final = 0.6
"""A client sends its first window of an overlap within so many seconds of the overlap's onset; speech that ended
before that was another overlap."""

STEP: Final = 1e-4
"""Probabilities are sent with four places."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate makes of one window."""

    interruption: bool
    """Whether this is the window where an interruption was found. Once an overlap."""
    probabilities: tuple[float, ...]
    """P(interruption) of what is undecided, for each 25 ms of the window. At least `min_frames` at its end reach the
    threshold where there is an interruption, and fewer elsewhere."""
    events: tuple[GateEvent, ...] = ()
    """What the gate decided within it."""
    failed: bool = False
    """Whether the gate failed within it; it is transparent from then on, until a window begins anew."""
    state: str = "idle"
    """What the gate does at its end."""
    begins_anew: bool = False
    """Whether it does not continue the window before."""


class WindowGate:
    """One client's windows, from first to last. Not thread-safe: one thread at a time.

    The gate gets the stream that the windows are cut from, each sample once, with the agent speaking throughout:
    clients send nothing else. What an earlier overlap in the window was decided to be is not decided again. A window
    that does not continue the one before gets a fresh gate; what is known of the room stays.

    Args:
        factory: Makes the gates.
        settings: What the client asks for.
        make_listener: Makes the listener of a gate; None for none.
        make_detector: Makes the VAD, which finds the onsets; Silero when None.
        recorder: Records the overlaps, those of an earlier window once; None for no recording.
    """

    def __init__(
        self,
        factory: GateFactory,
        settings: SessionCreate,
        *,
        make_listener: Callable[[], Listener] | None = None,
        make_detector: Callable[[], SpeechDetector] | None = None,
        recorder: OverlapRecorder | None = None,
    ) -> None:
        self._factory = factory
        self._options = options_for(factory.options, settings.threshold)
        self._make_listener = make_listener
        self._make_detector = make_detector
        self._recorder = recorder
        self._min_frames = settings.min_frames
        self.threshold = threshold_of(self._options)
        """P(interruption) from which this client gets an interruption."""
        self.superseded = False
        """Whether another one goes on with the client's sound: what is undecided here is that one's to record."""
        self._reader = WindowReader()
        self._feed: AudioFeed | None = None
        self._confirmed: GateEvent | None = None
        """What was confirmed and not told yet."""
        self._detector: RememberingDetector | None = None
        self._noise_floor: NoiseFloor | None = None
        self._forget_overlaps()

    @property
    def at_rest(self) -> bool:
        """Whether no audio is kept."""
        return self._feed is None

    def rest(self) -> None:
        """Forget the audio: nothing will continue it. What is known of the room stays."""
        self._reader.forget()
        self._end_stream()

    def judge(self, window: Pcm) -> Judgement:
        """Take the next window.

        Args:
            window: [n] int16 at 16 kHz, the newest sample last.

        Raises:
            ModelError: A model that the gate needs is missing or damaged.
        """
        new = self._reader.new_samples(window)
        begins_anew = new is None or self._feed is None
        if new is None or self._feed is None:
            self._end_stream()
            new = len(window)
            self._begin_stream(len(window) / SAMPLE_RATE - FRESH)
        feed = self._feed
        assert feed is not None
        had_failed = feed.gate.failure is not None
        end = self._pushed + new
        fresh_from = (end / SAMPLE_RATE - FRESH) if new > FRESH * SAMPLE_RATE else 0.0
        events = self._push(feed, window[len(window) - new :])
        interruption = self._interrupts(feed.gate, fresh_from)
        judgement = Judgement(
            interruption,
            self._probabilities(len(window), interruption),
            tuple(events),
            failed=feed.gate.failure is not None and not had_failed,
            state=feed.gate.state.value,
            begins_anew=begins_anew,
        )
        if interruption:
            self._confirmed = None
            self._clear()
        return judgement

    # The stream

    def _begin_stream(self, fresh_from: float) -> None:
        listener = None if self._make_listener is None else self._make_listener()
        gate = self._factory.gate(
            options=self._options, listener=listener, analyzer=self._factory.make_analyzer(self._analyzer)
        )
        gate.agent_started(-math.inf)
        self._noise_floor = gate.analyzer.noise_floor
        self._detector = RememberingDetector(
            self._make_detector() if self._make_detector else create_detector("silero")
        )
        self._feed = AudioFeed(gate, SAMPLE_RATE, detector=self._detector)
        if self._recorder is not None:
            self._recorder.next_stream(gate, since=fresh_from)

    def _analyzer(self, **known: Any) -> ProsodyAnalyzer:
        if self._noise_floor is not None:
            known["noise_floor"] = self._noise_floor
        return ProsodyAnalyzer(**known)

    def _end_stream(self) -> None:
        if self._feed is not None:
            gate = self._feed.gate
            events = gate.close()
            self._feed = None
            if self._recorder is not None:
                if not self.superseded:
                    self._recorder.after_step(gate, events)
                self._recorder.end_stream()
        self._forget_overlaps()

    def _forget_overlaps(self) -> None:
        self._pushed = 0
        """Samples of this stream so far."""
        self._of: deque[int] = deque(maxlen=REMEMBERED_FRAMES)
        """Number of the undecided overlap that each of the last frames belongs to, 0 for none."""
        self._chances: deque[float] = deque(maxlen=REMEMBERED_FRAMES)
        """P(interruption) at each of them."""
        self._held = 0
        """Number of the overlap that is held."""
        self._confirmed = None
        self._lasted = 0.0
        """Seconds of its speech so far."""

    def _push(self, feed: AudioFeed, samples: Pcm) -> list[GateEvent]:
        """Push samples frame by frame, and note what the gate makes of each."""
        events: list[GateEvent] = []
        end = self._pushed + len(samples)
        for caused in feed.steps(samples):
            self._pushed += FRAME_SAMPLES - self._pushed % FRAME_SAMPLES
            events += caused
            self._note(feed.gate, caused)
            if self._recorder is not None:
                assert self._detector is not None
                self._recorder.after_step(
                    feed.gate, caused, frame=self._detector.frame, speech_probability=self._detector.probability
                )
        self._pushed = end
        return events

    def _note(self, gate: Gate, events: list[GateEvent]) -> None:
        assert self._detector is not None
        speaks = gate.speech_onset is not None and self._detector.probability > self._options.deactivation_threshold
        self._of.append(self._held)
        self._chances.append(0.0)
        for event in events:
            if event.kind is GateEventKind.HOLD:
                self._held = event.overlap
                self._mark_since(event.onset, event.overlap, event.probability)
                continue
            if event.overlap == self._held:
                self._held = 0
            if event.kind is GateEventKind.CONFIRM:
                # One that goes along with another is no second interruption.
                if self._confirmed is None or event.onset > self._confirmed.onset:
                    self._confirmed, self._lasted = event, event.speech_duration
                self._mark_since(event.time - FRAME_DURATION, event.overlap, event.probability)
            else:
                self._clear(event.overlap)
        chance = gate.probability
        if chance is not None:
            self._of[-1], self._chances[-1] = self._held, chance
        elif speaks and self._confirmed is not None and gate.speech_onset == self._confirmed.onset:
            self._of[-1], self._chances[-1] = self._confirmed.overlap, self._confirmed.probability
            self._lasted = self._pushed / SAMPLE_RATE - self._confirmed.onset
        else:
            self._held = 0

    def _mark_since(self, time: float, number: int, chance: float) -> None:
        frames = min(max(round((self._pushed / SAMPLE_RATE - time) / FRAME_DURATION), 1), len(self._of))
        for back in range(1, frames + 1):
            if self._of[-back] in (0, number):
                self._of[-back], self._chances[-back] = number, chance

    def _clear(self, decided: int | None = None) -> None:
        """Forget the probabilities of one overlap, or of all."""
        for index, number in enumerate(self._of):
            if decided in (None, number):
                self._of[index], self._chances[index] = 0, 0.0

    # The verdict

    def _interrupts(self, gate: Gate, fresh_from: float) -> bool:
        """Whether what was confirmed and not told yet is to be told now."""
        event = self._confirmed
        if event is None:
            return False
        goes_on = gate.speech_onset == event.onset
        is_old = not goes_on and event.time < fresh_from
        if not is_old and self._lasted >= self._min_frames * SLOT_SAMPLES / SAMPLE_RATE - 1e-9:
            return True
        if not goes_on:
            self._clear(event.overlap)
            self._confirmed = None
        return False

    def _probabilities(self, samples: int, interruption: bool) -> tuple[float, ...]:
        slots = samples // SLOT_SAMPLES
        if slots == 0:
            return ()
        middles = self._pushed - SLOT_SAMPLES // 2 - SLOT_SAMPLES * np.arange(slots - 1, -1, -1)
        frames = middles // FRAME_SAMPLES - (self._pushed // FRAME_SAMPLES - len(self._chances))
        known = np.array(self._chances or [0.0])
        found = known[np.minimum(np.maximum(frames, 0), len(known) - 1)]
        # Rounded down, so that nothing below the threshold is sent as having reached it.
        floored = np.floor(found / STEP) * STEP
        reached = math.ceil(self.threshold / STEP - 1e-6) * STEP
        if interruption:
            floored[-self._min_frames :] = np.maximum(floored[-self._min_frames :], reached)
        elif self._confirmed is None:
            floored = np.minimum(floored, reached - STEP)
        return tuple(np.minimum(np.maximum(floored, 0.0), 1.0).round(4).tolist())


class RememberingDetector:
    """A VAD that remembers the newest frame, and what it made of it.

    Args:
        inner: Does the work.
    """

    def __init__(self, inner: SpeechDetector) -> None:
        self._inner = inner
        self.probability = 0.0
        """That the newest frame is speech, 0 to 1."""
        self.frame: npt.NDArray[np.float32] = np.zeros(FRAME_SAMPLES, np.float32)
        """The newest frame, as loud as the gate gets it."""

    @property
    def name(self) -> str:
        """The inner VAD's."""
        return self._inner.name

    def frame_probability(self, frame: npt.NDArray[np.float32]) -> float:
        """See `SpeechDetector.frame_probability`."""
        self.probability, self.frame = self._inner.frame_probability(frame), frame
        return self.probability

    def reset(self) -> None:
        """See `SpeechDetector.reset`."""
        self._inner.reset()


def threshold_of(options: GateOptions) -> float:
    """P(interruption) from which a gate with these options confirms."""
    return probability_of(options.confirm_log_odds)


def options_for(options: GateOptions, threshold: float | None) -> GateOptions:
    """The options that confirm from a client's threshold on.

    Args:
        options: The server's own.
        threshold: P(interruption), 0 to 1; None leaves the options as they are.
    """
    if threshold is None:
        return options
    field = GateOptions.model_fields["confirm_probability"]
    low, high = (float(getattr(bound, name)) for bound, name in zip(field.metadata, ("ge", "le"), strict=True))
    nearest = min(max(threshold, low), high)
    centred = options.replace(confirm_probability=nearest, sensitivity=0.5)
    # What lies beyond the option's range is left to the sensitivity, which moves the same threshold.
    nats = math.log(threshold / (1.0 - threshold)) - centred.confirm_log_odds
    per_unit = centred.confirm_log_odds - centred.replace(sensitivity=1.0).confirm_log_odds
    return centred.replace(sensitivity=min(max(0.5 - 0.5 * nats / per_unit, 0.0), 1.0))
