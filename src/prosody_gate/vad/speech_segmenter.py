"""Turns frame probabilities into speech segments."""

from __future__ import annotations

import math
from enum import Enum

from ..audio import FRAME_SAMPLES, SAMPLE_RATE
from ..errors import OptionError


class SpeechChange(Enum):
    """What one frame changed."""

    STARTED = "started"
    """Enough speech in a row: a speech segment, which began at `onset`, is now certain."""

    ENDED = "ended"
    """Enough silence in a row: the segment ended, at `last_speech_end`."""


class SpeechSegmenter:
    """The state machine of LiveKit's Silero plugin over frame probabilities, with the times it leaves out.

    A frame is speech when its probability is at least `activation_threshold`, or, during a segment, above
    `deactivation_threshold`. Durations count in whole frames of 32 ms, rounded up. All times are in seconds
    of the stream, from its first sample, and exact: they are computed from frame counts.
    """

    def __init__(
        self,
        *,
        activation_threshold: float = 0.5,
        deactivation_threshold: float = 0.35,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.3,
    ) -> None:
        """Make a segmenter at the start of a stream.

        Args:
            activation_threshold: Probability from which a frame is speech, above 0, at most 1.
            deactivation_threshold: During a segment, probability above which a frame still is speech; above
                0, at most `activation_threshold`.
            min_speech_duration: Speech in a row that starts a segment, in seconds, 0 or more.
            min_silence_duration: Silence in a row that ends it, in seconds, 0 or more.

        Raises:
            OptionError: An option is out of its range.
        """
        self.update_options(
            activation_threshold=activation_threshold,
            deactivation_threshold=deactivation_threshold,
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
        )
        self.reset()

    def update_options(
        self,
        *,
        activation_threshold: float,
        deactivation_threshold: float,
        min_speech_duration: float,
        min_silence_duration: float,
    ) -> None:
        """Change the options in mid-stream; a segment that has started goes on under the new ones.

        Raises:
            OptionError: An option is out of its range; nothing is changed then.
        """
        if not 0.0 < activation_threshold <= 1.0:
            raise OptionError(f"activation_threshold is {activation_threshold}; expected above 0, at most 1")
        if not 0.0 < deactivation_threshold <= activation_threshold:
            raise OptionError(
                f"deactivation_threshold is {deactivation_threshold}; expected above 0, "
                f"at most activation_threshold ({activation_threshold})"
            )
        speech_frames = _whole_frames("min_speech_duration", min_speech_duration)
        silence_frames = _whole_frames("min_silence_duration", min_silence_duration)
        self._activation_threshold = activation_threshold
        self._deactivation_threshold = deactivation_threshold
        self._min_speech_frames = speech_frames
        self._min_silence_frames = silence_frames

    def reset(self) -> None:
        """Start a new stream at time 0."""
        self._speaking = False
        self._frames = 0
        self._run = 0
        self._silent_run = 0
        self._onset_frame = 0
        self._speech_end_frame = 0

    @property
    def speaking(self) -> bool:
        """Whether a segment has started and not ended."""
        return self._speaking

    @property
    def time(self) -> float:
        """End of the last frame pushed."""
        return _seconds(self._frames)

    @property
    def onset(self) -> float:
        """Start of the first speech frame of the current segment, or else of the last one; 0 before any."""
        return _seconds(self._onset_frame)

    @property
    def candidate_onset(self) -> float | None:
        """Start of a run of speech frames that is too short yet to be a segment; None when there is none."""
        if self._speaking or self._run == 0:
            return None
        return _seconds(self._frames - self._run)

    @property
    def last_speech_end(self) -> float:
        """End of the last speech frame of the current segment, or else of the last one; 0 before any."""
        return _seconds(self._speech_end_frame)

    def push(self, probability: float) -> SpeechChange | None:
        """Take the next frame's probability.

        Args:
            probability: That it is speech, in [0, 1]; NaN counts as silence.

        Returns:
            What it changed, or None.
        """
        self._frames += 1
        goes_on = self._speaking and probability > self._deactivation_threshold
        if goes_on or probability >= self._activation_threshold:
            self._silent_run = 0
            self._run += 1
            if self._speaking:
                self._speech_end_frame = self._frames
            elif self._run >= self._min_speech_frames:
                self._speaking = True
                self._onset_frame = self._frames - self._run
                self._speech_end_frame = self._frames
                return SpeechChange.STARTED
            return None
        self._run = 0
        self._silent_run += 1
        if self._speaking and self._silent_run >= self._min_silence_frames:
            self._speaking = False
            return SpeechChange.ENDED
        return None


def _seconds(frames: int) -> float:
    return frames * FRAME_SAMPLES / SAMPLE_RATE


def _whole_frames(option: str, duration: float) -> int:
    """Return the least number of frames, at least one, that lasts a duration in seconds."""
    if not (math.isfinite(duration) and duration >= 0.0):
        raise OptionError(f"{option} is {duration}; expected 0 or more seconds")
    # The nanosample absorbs the rounding of decimal seconds: 0.32 s are 10 frames, not 11.
    return max(1, math.ceil((duration * SAMPLE_RATE - 1e-9) / FRAME_SAMPLES))
