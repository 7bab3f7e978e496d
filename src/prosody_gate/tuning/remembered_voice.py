"""Voice evidence that runs its network over each stretch of sound once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ..evidence import EvidenceWeights, VoiceEvidence
from ..evidence.voice_evidence import GruNetwork
from ..evidence.voice_features import VoiceFeatures
from ..prosody import ProsodyFrame

_NOTHING: Final = np.zeros(0, np.float32)


class VoiceRun:
    """The network's log-odds over the frames from one first frame on, as far as they were asked for."""

    def __init__(self, network: GruNetwork) -> None:
        self._network = network
        self._features = VoiceFeatures()
        self._state = network.initial_state()
        self._log_odds: list[float] = []

    def log_odds(self, place: int, frame: ProsodyFrame) -> float:
        """Of the frame at a place; all places before it were asked for earlier."""
        if place == len(self._log_odds):
            self._log_odds.append(self._network.step(self._features.of(frame), self._state))
        return self._log_odds[place]


@dataclass(slots=True)
class VoiceRuns:
    """The runs over one stream, by the time of their first frame."""

    by_start: dict[float, VoiceRun] = field(default_factory=dict)


class RememberedVoice(VoiceEvidence):
    """Gives what the voice evidence would give: no option changes how the network hears a stretch of sound.

    Set `runs` to those of the stream at hand before a replay.

    Args:
        weights: The fitted weights.
    """

    def __init__(self, weights: EvidenceWeights) -> None:
        self.runs = VoiceRuns()
        self._true_network = GruNetwork(weights.network)
        super().__init__(weights)

    def reset(self) -> None:
        """A new overlap begins."""
        super().reset()
        reader = _RunReader(self.runs, self._true_network)
        self._features = _FramesAsTheyAre(reader)
        self._network = reader


class _RunReader(GruNetwork):
    """Takes the network's place for one overlap."""

    def __init__(self, runs: VoiceRuns, network: GruNetwork) -> None:
        self._runs = runs
        self._true_network = network
        self._run: VoiceRun | None = None
        self._place = 0
        self.frame: ProsodyFrame | None = None

    def initial_state(self) -> npt.NDArray[np.float32]:
        return _NOTHING

    def step(self, features: npt.NDArray[np.float32], state: npt.NDArray[np.float32]) -> float:
        frame = self.frame
        assert frame is not None
        if self._run is None:
            self._run = self._runs.by_start.setdefault(frame.time, VoiceRun(self._true_network))
        self._place += 1
        return self._run.log_odds(self._place - 1, frame)


class _FramesAsTheyAre(VoiceFeatures):
    """Hands the frame itself to the reader: its features are computed only where the network has to run."""

    def __init__(self, reader: _RunReader) -> None:
        super().__init__()
        self._reader = reader

    def of(self, frame: ProsodyFrame) -> npt.NDArray[np.float32]:
        self._reader.frame = frame
        return _NOTHING
