"""The phoneme recogniser of the package `hama`, loaded once a process and shared by all its listeners."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..lexicon import SOUNDS, sounds_of

MODEL_FILE: Final = "asr_waveform.hama"
FRAME: Final = 0.02
"""Seconds of one frame of the recogniser."""

SHORTEST: Final = 1600
"""Samples (0.1 s) below which nothing is looked at."""

GLIDE_SIGNS: Final = frozenset("͡ʝ")
"""What the recogniser writes after the first sign of a "y" sound; they are no sounds of their own."""


class SoundReader(Protocol):
    """Reads the sounds in a stretch of speech, as `PhonemeRecogniser` does."""

    def look(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The sounds of a stretch of speech; see `PhonemeRecogniser.look`."""
        ...


class PhonemeRecogniser:
    """Reads the sounds in a stretch of speech.

    One recogniser serves all threads: a look keeps no state, and the interpreter's lock is released while it runs.

    Args:
        model: The model file; None takes the one that `hama` brings.

    Raises:
        ModelError: `hama` is not installed or has no engine for this machine, or the model is missing or damaged.
    """

    def __init__(self, model: Path | None = None) -> None:
        engine, signs, folder = _import_hama()
        path = folder / MODEL_FILE if model is None else Path(model)
        try:
            self._session = engine.AsrSession(path.read_bytes())
        except OSError as error:
            raise ModelError(
                f"{path}: cannot read the phoneme recogniser's model ({error.strerror or error})"
            ) from error
        except RuntimeError as error:
            raise ModelError(
                f"{path}: this is no model of the phoneme recogniser, or it is damaged ({error})"
            ) from error
        self._columns = _columns(signs)

    def look(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The sounds of a stretch of speech.

        Args:
            samples: Float32 mono in [-1, 1] at 16 kHz.

        Returns:
            The probability of nothing, then of each of `SOUNDS`, in frames of 20 ms, [n, 41]; no frames for less than
            0.1 s.

        Raises:
            ModelError: The recogniser failed.
        """
        if len(samples) < SHORTEST:
            return np.zeros((0, 1 + len(SOUNDS)), np.float32)
        clean = np.nan_to_num(np.clip(samples, -1.0, 1.0), nan=0.0).astype(np.float32, copy=False)
        try:
            logs, counts = self._session.run(
                ["log_probs", "out_lengths"],
                {"waveform": clean[np.newaxis], "waveform_lengths": np.array([len(clean)], np.int64)},
            )
        except RuntimeError as error:
            raise ModelError(f"the phoneme recogniser failed ({error})") from error
        frames = np.exp(logs[0, : int(counts[0])]) @ self._columns
        return np.asarray(np.nan_to_num(frames), np.float32)


class RememberingRecogniser:
    """A recogniser for sound that is replayed: reads each stretch once, and keeps what it found (up to 9 KB).

    Args:
        recogniser: Reads what is new; the process's own when None.

    Raises:
        ModelError: As `PhonemeRecogniser`.
    """

    def __init__(self, recogniser: SoundReader | None = None) -> None:
        self._recogniser = shared_recogniser() if recogniser is None else recogniser
        self._found: dict[bytes, npt.NDArray[np.float32]] = {}

    def look(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """As `PhonemeRecogniser.look`; not to be written to."""
        key = blake2b(samples.tobytes(), digest_size=16).digest()
        if key not in self._found:
            self._found[key] = self._recogniser.look(samples)
        return self._found[key]


@cache
def shared_recogniser() -> PhonemeRecogniser:
    """The recogniser of this process, loaded on first use (20 ms, 9 MB).

    Raises:
        ModelError: As `PhonemeRecogniser`.
    """
    return PhonemeRecogniser()


def sounds_text(frames: npt.NDArray[np.float32]) -> str:
    """The likeliest sounds of some frames as phonetic text, "stɑp"."""
    best = frames.argmax(axis=1) if len(frames) else np.zeros(0, int)
    kept = [best[at] for at in range(len(best)) if best[at] and (at == 0 or best[at] != best[at - 1])]
    return "".join(SOUNDS[number - 1] for number in kept)


def heard_sounds(frames: npt.NDArray[np.float32]) -> tuple[float, ...]:
    """What some frames hold, whatever the order: of each sound the highest probability, then the sum over three frames.

    Args:
        frames: As `PhonemeRecogniser.look` gives them, [n, 41].

    Returns:
        80 numbers, by the places of `SOUNDS`; zeros without frames.
    """
    sounds = frames[:, 1:] if len(frames) else np.zeros((1, len(SOUNDS)), np.float32)
    return tuple(float(value) for value in np.concatenate([sounds.max(axis=0), sounds.sum(axis=0) / 3.0]))


def _import_hama() -> tuple[Any, list[str], Path]:
    """The engine, the signs of its columns, and the folder of its models."""
    try:
        import hama
        from hama import _engine as engine
        from hama.vocab import Vocabulary
    except ImportError as error:
        raise ModelError(
            f"the listener needs the package 'hama', which is not installed or has no wheel for this machine ({error})"
        ) from error
    if not engine.available():
        raise ModelError("the listener's package 'hama' has no engine for this machine")
    signs = [*Vocabulary.load(None).decoder, "<wb>", "<blank>"]
    return engine, signs, Path(str(hama.__file__)).parent / "assets"


def _columns(signs: list[str]) -> npt.NDArray[np.float32]:
    """Which column of the recogniser counts as what, [signs, 1 + sounds]: a sign that is no sound counts as nothing."""
    columns = np.zeros((len(signs), 1 + len(SOUNDS)), np.float32)
    for row, sign in enumerate(signs):
        try:
            number = 0 if sign in GLIDE_SIGNS else 1 + SOUNDS.index(sounds_of(sign)[0])
        except ValueError:
            number = 0
        columns[row, number] = 1.0
    return columns
