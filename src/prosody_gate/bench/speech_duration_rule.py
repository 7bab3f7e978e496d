"""The rule of a plain VAD: enough speech interrupts."""

from __future__ import annotations

from typing import Final

from ..audio import FRAME_DURATION
from ..vad import SpeechChange, SpeechSegmenter
from .decision import Decision
from .heard import Heard, begins_within, frame_end

MIN_SILENCE: Final = 0.55
"""Default `min_silence_duration` of livekit-plugins-silero 1.8.9."""


class SpeechDurationRule:
    """Interrupts once a VAD's speech duration reaches a threshold, as LiveKit's Silero plugin counts it.

    There, each inference adds its frame to the duration while the user counts as speaking, and the user counts as
    speaking until `MIN_SILENCE` of silence: trailing silence is speech. LiveKit Agents compares the duration with
    `min_duration` at each inference (livekit-agents 1.8.9, `AgentActivity.on_vad_inference_done`). The VAD is the one
    that the gate hears; its thresholds are the plugin's own, whatever the gate's are.

    Args:
        min_duration: Seconds.
    """

    needs_transcripts = False

    def __init__(self, min_duration: float) -> None:
        self._min_duration = min_duration
        self.name = f"speech {min_duration:g} s"

    def decide(self, heard: Heard) -> list[Decision]:
        """The interruptions it makes, at most one a stretch of speech."""
        decisions: list[Decision] = []
        segmenter = SpeechSegmenter(min_silence_duration=MIN_SILENCE)
        waiting = False
        for index, probability in enumerate(heard.probabilities):
            time = frame_end(index)
            # The plugin publishes a frame's event before it looks at what the frame changes.
            if waiting and time - segmenter.onset >= self._min_duration - 1e-9 and heard.agent_speaks_at(time):
                overlap = heard.overlap_at(time, patience=MIN_SILENCE + FRAME_DURATION)
                if overlap is not None:
                    waiting = False
                    decisions.append(Decision(overlap.start, time, confirm=True, reason="speech_duration"))
            change = segmenter.push(probability)
            if change is SpeechChange.STARTED:
                waiting = begins_within(segmenter.onset, heard.agent)
            elif change is SpeechChange.ENDED:
                waiting = False
        return decisions
