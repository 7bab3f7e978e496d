"""Sound whose level says what a VAD makes of it, so that a server's decisions can be told in advance."""

from __future__ import annotations

import numpy as np

from prosody_gate import GateFactory
from prosody_gate.server.frames import SessionCreate
from prosody_gate.server.window_gate import WindowGate

LOUD = 3_000
"""Sample values above this are speech."""


class LevelDetector:
    """A VAD for which loud is speech."""

    name = "level"

    def frame_probability(self, frame: np.ndarray) -> float:
        return 0.9 if float(np.abs(frame).max()) * 32_768 > LOUD else 0.02

    def reset(self) -> None: ...


def sound(*parts: tuple[str, float], seed: int = 1) -> np.ndarray:
    """int16 noise: stretches of `speech` and `room`, each so many seconds."""
    random = np.random.default_rng(seed)
    made = [random.normal(0.0, 3_000 if kind == "speech" else 30, round(16_000 * seconds)) for kind, seconds in parts]
    return np.clip(np.concatenate(made), -32_768, 32_767).astype(np.int16)


def window_gate(*sources: object, threshold: float | None = None, min_frames: int = 2, **options: float) -> WindowGate:
    """A client's gate without models: sources of the test's, and a VAD by level."""
    factory = GateFactory.create(listener=False, sources=list(sources), **options)  # type: ignore[arg-type]
    return WindowGate(factory, SessionCreate(threshold, min_frames), make_detector=LevelDetector)
