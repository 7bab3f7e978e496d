"""The rules in use today that the gate is compared with."""

from __future__ import annotations

from typing import Final, Protocol

from ..audio import FRAME_DURATION
from ..gate import Transcript
from ..lexicon import Lexicon
from ..vad import SpeechChange, SpeechSegmenter
from .item_stream import ItemStream, begins_within, frame_end
from .items import speech_end_of
from .outcome import Decision

STARTS_EARLY: Final = 0.3
"""Seconds by which a recogniser's start of speech may lie before the VAD's."""

LATE: Final = 3.0
"""Seconds after its speech at which a transcript can still be about it."""


class TranscriptRule:
    """Interrupts on the first interim or final text of an overlap that a subclass finds to be an interruption."""

    name = "transcript"
    needs_transcripts = True

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether one text is enough to stop the agent."""
        raise NotImplementedError

    def decide(self, stream: ItemStream) -> list[Decision]:
        """The interruptions it makes, at most one an overlap."""
        decisions: dict[float, Decision] = {}
        for transcript in stream.transcripts:
            begins = speech_end_of(transcript) if transcript.start is None else transcript.start
            overlap = stream.overlap_at(begins + STARTS_EARLY, patience=LATE)
            if overlap is None or overlap.start in decisions or not stream.agent_speaks_at(transcript.at):
                continue
            if self.interrupts(transcript):
                decisions[overlap.start] = Decision(
                    overlap.start, transcript.at, confirm=True, reason="transcript", transcript=transcript.text
                )
        return list(decisions.values())


MIN_SILENCE: Final = 0.55
"""Default `min_silence_duration` of livekit-plugins-silero 1.8.9."""


class SpeechDurationRule:
    """Interrupts once a VAD's speech duration reaches a threshold, as LiveKit's Silero plugin counts it.

    There, each inference adds its frame to the duration while the user counts as speaking, and the user counts as
    speaking until `MIN_SILENCE` of silence: trailing silence is speech. LiveKit Agents compares the duration with
    `min_duration` at each inference (livekit-agents 1.8.9, `AgentActivity.on_vad_inference_done`). The VAD is the
    gate's own; the thresholds are the plugin's, whatever the gate's are.

    Args:
        min_duration: Seconds.
    """

    needs_transcripts = False

    def __init__(self, min_duration: float) -> None:
        self._min_duration = min_duration
        self.name = f"speech {min_duration:g} s"

    def decide(self, stream: ItemStream) -> list[Decision]:
        """The interruptions it makes, at most one a segment of speech."""
        decisions: list[Decision] = []
        segmenter = SpeechSegmenter(min_silence_duration=MIN_SILENCE)
        waiting = False
        for index, probability in enumerate(stream.probabilities):
            time = frame_end(index)
            # The plugin publishes a frame's event before it looks at what the frame changes.
            if waiting and time - segmenter.onset >= self._min_duration - 1e-9 and stream.agent_speaks_at(time):
                overlap = stream.overlap_at(time, patience=MIN_SILENCE + FRAME_DURATION)
                if overlap is not None:
                    waiting = False
                    decisions.append(Decision(overlap.start, time, confirm=True, reason="speech_duration"))
            change = segmenter.push(probability)
            if change is SpeechChange.STARTED:
                waiting = begins_within(segmenter.onset, stream.agent)
            elif change is SpeechChange.ENDED:
                waiting = False
        return decisions


class WordListRule(TranscriptRule):
    """Interrupts on a stop phrase, and on any text that is more than phrases to ignore.

    Args:
        lexicon: Both lists.
    """

    name = "word list"

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether the text is more than phrases to ignore."""
        match = self._lexicon.match(transcript.text, final=transcript.final)
        return bool(match.tokens) and not match.ignore_only


class MinWordsRule(TranscriptRule):
    """Interrupts once a text has enough words.

    Args:
        min_words: How many.
        lexicon: Splits text into words.
    """

    def __init__(self, min_words: int, lexicon: Lexicon) -> None:
        self._min_words = min_words
        self._lexicon = lexicon
        self.name = f"{min_words} words"

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether the text has enough words."""
        return len(self._lexicon.match(transcript.text).tokens) >= self._min_words


class Baseline(Protocol):
    """A rule that stops the agent, run on what the gate stream."""

    @property
    def name(self) -> str:
        """As tables and plots show it."""
        ...

    @property
    def needs_transcripts(self) -> bool:
        """Whether it can say nothing about an item without transcripts."""
        ...

    def decide(self, stream: ItemStream) -> list[Decision]:
        """The interruptions it makes, at most one an overlap."""
        ...


def default_baselines(lexicon: Lexicon) -> tuple[Baseline, ...]:
    """What people use today: speech for 0.2, 0.5 and 0.8 s, word lists, at least 2 and at least 3 words.

    Args:
        lexicon: The phrases of the word lists.
    """
    return (
        SpeechDurationRule(0.2),
        SpeechDurationRule(0.5),
        SpeechDurationRule(0.8),
        WordListRule(lexicon),
        MinWordsRule(2, lexicon),
        MinWordsRule(3, lexicon),
    )
