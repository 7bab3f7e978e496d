"""The speech probability of a VAD's inference event, whether it gives one or not."""

from __future__ import annotations

from livekit.agents.vad import VADEvent


class SpeechProbability:
    """Reads inference events; takes `probability` once it is seen to be graded, else what the VAD decided."""

    def __init__(self) -> None:
        self._graded = False

    def of(self, event: VADEvent) -> float:
        """Probability in [0, 1] that the event's window is speech."""
        if 0.0 < event.probability < 1.0:
            self._graded = True
        if self._graded:
            return min(max(event.probability, 0.0), 1.0)
        speech = event.raw_accumulated_speech > 0.0 or (event.speaking and event.raw_accumulated_silence == 0.0)
        return 1.0 if speech or event.probability >= 1.0 else 0.0
