"""Looks at the pipeline that a gate is in, and warns where something defeats it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.stt_service import STTService

logger = logging.getLogger("prosody_gate")

PLACE = "Pipeline([transport.input(), stt, gate, user_aggregator, llm, tts, transport.output(), assistant_aggregator])"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a gate in its pipeline."""

    before: tuple[FrameProcessor, ...]
    after: tuple[FrameProcessor, ...]

    @property
    def stt(self) -> STTService | None:
        """The nearest speech-to-text service before the gate; None where there is none."""
        return next((each for each in reversed(self.before) if isinstance(each, STTService)), None)


def surroundings(gate: FrameProcessor, pipeline: FrameProcessor) -> Surroundings:
    """Find what stands before a gate and after it, in order; compound processors are taken apart."""
    parts = tuple(_parts(pipeline))
    place = next((index for index, part in enumerate(parts) if part is gate), len(parts))
    return Surroundings(parts[:place], parts[place + 1 :])


class PipelineChecks:
    """The checks of one gate's pipeline. Each warning is logged once, its `option` in the record's `extra`."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def check(self, found: Surroundings) -> None:
        """Warn of a gate in the wrong place, and of a second VAD."""
        aggregators = [each for each in found.after if isinstance(each, LLMUserAggregator)]
        if any(isinstance(each, LLMUserAggregator) for each in found.before):
            self.warn("place", f"the gate stands after the user aggregator and holds nothing; expected {PLACE}")
        elif not aggregators:
            self.warn("place", f"no user aggregator comes after the gate: nothing is interrupted; expected {PLACE}")
        if any(isinstance(each, STTService) for each in found.after):
            self.warn(
                "place", f"a speech-to-text service comes after the gate: its words are not held; expected {PLACE}"
            )
        for each in aggregators:
            # Pipecat keeps the aggregator's parameters to itself.
            if getattr(getattr(each, "_params", None), "vad_analyzer", None) is not None:
                self.second_vad("the user aggregator has a vad_analyzer of its own")
        if any(isinstance(each, VADProcessor) for each in (*found.before, *found.after)):
            self.second_vad("the pipeline has a VADProcessor")

    def second_vad(self, what: str) -> None:
        """Warn that something else reports speech, which the gate does not hold."""
        self.warn(
            "vad_analyzer",
            f"{what}: it interrupts beside the gate, whatever that decides; give the analyzer to ProsodyGate alone",
        )

    def no_echo_guard(self) -> None:
        """Warn that the profile wants what the gate does not do here."""
        self.warn(
            "echo_guard",
            "the profile wants echo_guard, which there is only in LiveKit; cancel the echo before it comes here",
        )

    def warn(self, option: str, message: str) -> None:
        """Log a warning, once for each option."""
        if option not in self._warned:
            self._warned.add(option)
            logger.warning(message, extra={"option": option})


def _parts(processor: FrameProcessor) -> Iterator[FrameProcessor]:
    inner: Sequence[FrameProcessor] = processor.processors
    if not inner:
        yield processor
    for each in inner:
        yield from _parts(each)
