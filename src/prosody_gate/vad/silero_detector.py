"""The default detector: the Silero model inside the installed LiveKit plugin or Pipecat, run as the plugin runs it."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from ..audio import FRAME_SAMPLES, SAMPLE_RATE
from ..errors import AudioError, ModelError

PACKAGES: Final = ("livekit-plugins-silero", "pipecat-ai")
"""Packages that bring the model along, the same file each; the first one installed is taken."""

MODEL_FILE: Final = "silero_vad.onnx"

CONTEXT: Final = 64
"""Samples of the frame before that the model sees ahead of each frame at 16 kHz."""

SMOOTHING: Final = 0.35
"""Weight of the frame before in the plugin's exponential smoothing of the probability."""

PLUGIN_SCALE: Final = np.float32(32_768.0 / 32_767.0)
"""The plugin divides 16-bit samples by 32767; samples here were divided by 32768."""


class SileroDetector:
    """Silero VAD, with the numbers that LiveKit's own VAD events carry as `probability`.

    All detectors of a process share one model session; each keeps its own state (about 5 kB).
    """

    name: Final = "silero"

    def __init__(self) -> None:
        """Make a detector at the start of a stream; the first one of a process loads the model.

        Raises:
            ModelError: No package that has the model is installed, or the model cannot be read.
        """
        self._session = _shared_session()
        self._input = np.zeros((1, CONTEXT + FRAME_SAMPLES), dtype=np.float32)
        self._context = self._input[0, :CONTEXT]
        self._frame = self._input[0, CONTEXT:]
        self._frame_end = self._input[0, -CONTEXT:]
        self._feeds: dict[str, npt.NDArray[Any]] = {
            "input": self._input,
            "sr": np.array(SAMPLE_RATE, dtype=np.int64),
        }
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._input.fill(0.0)
        self._feeds["state"] = np.zeros((2, 1, 128), dtype=np.float32)
        self._probability: float | None = None

    def frame_probability(self, frame: npt.NDArray[np.float32]) -> float:
        """Return the probability in [0, 1] that the next frame is speech, smoothed as the plugin does.

        Args:
            frame: Mono samples in [-1, 1] at 16 kHz, float32 of shape [512].

        Raises:
            AudioError: The frame has another shape.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise AudioError(f"a frame has shape {frame.shape}; expected ({FRAME_SAMPLES},)")
        self._context[:] = self._frame_end
        np.multiply(frame, PLUGIN_SCALE, out=self._frame)
        output, self._feeds["state"] = self._session.run(None, self._feeds)
        raw: float = output.item()
        before = raw if self._probability is None else self._probability
        self._probability = SMOOTHING * before + (1.0 - SMOOTHING) * raw
        return self._probability


@lru_cache(maxsize=1)
def _shared_session() -> Any:
    """Return the process's session, set up as the plugin's own: one thread, which sleeps when idle."""
    path = _model_path()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise ModelError(f"{path}: not a model that onnxruntime can read; reinstall what brings it") from error


def _model_path() -> Path:
    """Return where an installed package keeps the model; the package itself is not imported."""
    without = []
    for name in PACKAGES:
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        for file in package.files or ():
            path = Path(str(package.locate_file(file)))
            if file.name == MODEL_FILE and path.is_file():
                return path
        without.append(f"{name} {package.version}")
    if without:
        raise ModelError(f"{' and '.join(without)} is installed without its {MODEL_FILE}: reinstall it")
    raise ModelError(f"the Silero model is not there: pip install {PACKAGES[0]}, or {PACKAGES[1]}")
