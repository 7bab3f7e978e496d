"""The embedded listener: PocketSphinx with a small language model of overlapping talk."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pocketsphinx

from ..audio import FRAME_SAMPLES, SAMPLE_RATE
from ..errors import ModelError
from .listener import Hypothesis, RecognisedWord

MODEL_FOLDER: Final = Path(__file__).with_name("model")
"""The language model and the dictionary in the package (benchmarks/build_listener_model.py makes them)."""

FEATURE_RATE: Final = 100
"""Feature frames per second of the acoustic model."""

INITIAL_MEAN: Final = "46.5,-1.6,-1.0,-1.8,-4.6,-3.4,-3.1,-2.3,-0.8,-1.6,-0.8,-0.3,-0.1"
"""Cepstral mean of a new call, for its first overlap: the average after 319 clips of read words, with their
gain set as below."""

ONSET_DBFS: Final = -26.9
"""Level to which an onset's loudest frame is brought: the median of the clips."""

ONSET_SLOPE: Final = 0.6
"""How much of a difference in onset level to even out: an onset tells the level of what follows only in part.
With clips at random levels of +-12 dB, 0.4 and 0.7 do equally well and better than none."""

MAX_GAIN: Final = 30.0
"""Largest amplification or attenuation, in dB."""

SAME_PLACE: Final = 0.1
"""A word that starts within this many seconds of where it stood before is still the same word."""

SCORE_SCALE: Final = 1024.0
"""PocketSphinx keeps log scores shifted right by ten bits and hands out their plain exponential."""

DECODER_OPTIONS: Final[dict[str, str | int | float | bool]] = {
    "loglevel": "FATAL",
    "cmn": "live",
    "cmninit": INITIAL_MEAN,
    "seed": 1,
    # The later passes need the whole utterance; the gate decides before its end.
    "fwdflat": False,
    "bestpath": False,
    # Looking phones ahead costs 50 ms: 0.4 s after the onset 46 % of words are right without, 37 % with it.
    "pl_window": 0,
    "beam": 1e-40,
    "pbeam": 1e-40,
    "wbeam": 1e-26,
    "maxhmmpf": 3000,
    "lw": 8.0,
}
"""Decoder settings where measurement asks for others than PocketSphinx's own."""


class PocketSphinxListener:
    """Hears US English words while they are being spoken.

    One decoder a call; it works only between `start` and `finish`, and no sound leaves the process.
    `finish` carries the cepstral mean of an overlap with words to the next one; `reset` forgets it. The same
    overlaps in the same order give the same hypotheses.
    """

    def __init__(
        self,
        *,
        model: Path | None = None,
        max_duration: float = 20.0,
        between_blocks: Callable[[], None] | None = None,
    ) -> None:
        """Load the acoustic model, the language model and the dictionary.

        Args:
            model: Folder with `overlap.lm.bin` and `overlap.dict`; None takes the package's own.
            max_duration: Longest stretch of one overlap that is listened to, in seconds, pre-roll included;
                bounds memory. The text stays as it is after that.
            between_blocks: Called after each block of 512 samples. The decoder keeps the interpreter's lock while it
                works; on a thread, this is where to let others run.

        Raises:
            ModelError: A model file is missing or cannot be read.
        """
        self._folder = MODEL_FOLDER if model is None else Path(model)
        self._decoder = load_decoder(self._folder)
        self._max_samples = int(max_duration * SAMPLE_RATE)
        self._between_blocks = between_blocks
        self._open = False
        self._mean = INITIAL_MEAN
        self._pending: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._words: tuple[RecognisedWord, ...] = ()
        self._text = ""
        self._raw: str | None = ""
        self._samples = 0
        self._gain = 1.0
        self._onset = self._origin = 0.0

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap; one still open is finished first.

        Args:
            pre_roll: Samples from a little before the onset up to the first frame that will be pushed,
                float32 mono in [-1, 1] at 16 kHz; 0.2 s before the onset are enough. Decoded with the first
                frame.
            onset: Stream time of the first speech frame, in seconds; a word that ends before it is not
                reported.

        Raises:
            ModelError: The recogniser failed.
        """
        if self._open:
            self._end()
        self._clear()
        self._onset = onset
        self._pending = np.array(pre_roll[-self._max_samples :], dtype=np.float32)
        try:
            self._mean = self._decoder.get_cmn(False)
            self._decoder.start_utt()
        except RuntimeError as error:
            raise ModelError(f"PocketSphinx could not start listening ({error})") from error
        self._open = True

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Hear one frame.

        Args:
            frame: 512 samples that follow the last ones, float32 mono in [-1, 1] at 16 kHz.
            time: Stream time of the frame's last sample, in seconds.

        Returns:
            The newest hypothesis when its text has changed since the last call, otherwise None.

        Raises:
            ModelError: No overlap is open, or the recogniser failed.
        """
        if not self._open:
            raise ModelError("push: no overlap is open; call start first")
        if self._samples >= self._max_samples:
            return None
        if self._samples == 0:
            frame = np.concatenate((self._pending, frame))
            self._gain = onset_gain(frame)
            self._pending = frame[:0]
        pcm = np.clip(frame * (self._gain * 32768.0), -32768.0, 32767.0).astype(np.int16)
        self._samples += len(pcm)
        self._origin = time - self._samples / SAMPLE_RATE
        try:
            for first in range(0, len(pcm), FRAME_SAMPLES):
                self._decoder.process_raw(pcm[first : first + FRAME_SAMPLES].tobytes(), False, False)
                if self._between_blocks is not None:
                    self._between_blocks()
            result = self._decoder.hyp()
        except RuntimeError as error:
            raise ModelError(f"PocketSphinx failed on a frame that ends at {time:.3f} s ({error})") from error
        # The string is cheap to ask for, the word times are not.
        raw = result.hypstr if result is not None else ""
        if raw == self._raw:
            return None
        self._raw = raw
        text = self._text
        hypothesis = self._read(time)
        return hypothesis if hypothesis.text != text else None

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap and carry its cepstral mean to the next.

        Args:
            time: Stream time of the last sample, in seconds.

        Returns:
            The settled text of the overlap, or None when nothing was pushed or no overlap is open.

        Raises:
            ModelError: The recogniser failed.
        """
        if not self._open:
            return None
        self._end()
        if self._samples == 0:
            return None
        hypothesis = self._read(time)
        return hypothesis if hypothesis.words else None

    def reset(self) -> None:
        """Drop an open overlap and forget the call: back to the state of a new listener."""
        # Setting the mean back is not enough: one utterance still tints the first scores of the next.
        self._decoder = load_decoder(self._folder)
        self._open = False
        self._clear()

    def _clear(self) -> None:
        self._pending = self._pending[:0]
        self._words = ()
        self._text = self._raw = ""
        self._samples = 0

    def _end(self) -> None:
        self._open = False
        try:
            self._decoder.end_utt()
            result = self._decoder.hyp()
        except RuntimeError as error:
            raise ModelError(f"PocketSphinx could not end the overlap ({error})") from error
        if result is None or not result.hypstr:
            # Noise without words says nothing about the speaker.
            self._decoder.set_cmn(self._mean)

    def _read(self, time: float) -> Hypothesis:
        words = []
        early = False
        for segment in self._decoder.seg() or ():
            if segment.word.startswith(("<", "[")):
                continue
            text = re.sub(r"\(\d+\)$", "", segment.word)
            start = self._origin + segment.start_frame / FEATURE_RATE
            end = min(self._origin + (segment.end_frame + 1) / FEATURE_RATE, time)
            if end <= self._onset:
                early = True
                continue
            frames = segment.end_frame - segment.start_frame + 1
            words.append(
                RecognisedWord(
                    text=text,
                    start=start,
                    end=end,
                    since=self._stood_since(text, start, time),
                    score=SCORE_SCALE * math.log(max(segment.ascore, 1e-12)) / frames,
                )
            )
        if early:
            # Its end may still move past the onset while the string stays the same: look again next time.
            self._raw = None
        self._words = tuple(words)
        self._text = " ".join(word.text for word in words)
        return Hypothesis(text=self._text, time=time, words=self._words)

    def _stood_since(self, text: str, start: float, time: float) -> float:
        for word in self._words:
            if word.text == text and abs(word.start - start) <= SAME_PLACE:
                return word.since
        return time


def onset_gain(samples: npt.NDArray[np.float32]) -> float:
    """Amplitude factor that brings a speaker near the level the cepstral mean was measured at.

    Args:
        samples: The sound up to the onset, at least one frame of 512 samples.

    Returns:
        The factor for the whole overlap: a level that moved within it would look like a sound to the decoder.
    """
    whole = samples[len(samples) % FRAME_SAMPLES :].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    level_dbfs = 10.0 * np.log10(np.max(np.mean(whole * whole, axis=1)) + 1e-9)
    gain_db = ONSET_SLOPE * (ONSET_DBFS - level_dbfs)
    return float(10.0 ** (np.clip(gain_db, -MAX_GAIN, MAX_GAIN) / 20.0))


def load_decoder(folder: Path) -> pocketsphinx.Decoder:
    """A fresh decoder; takes some 30 ms.

    Args:
        folder: Where `overlap.lm.bin` and `overlap.dict` are.

    Raises:
        ModelError: A model file is missing or cannot be read.
    """
    files = {
        "lm": folder / "overlap.lm.bin",
        "dict": folder / "overlap.dict",
        "hmm": Path(pocketsphinx.get_model_path("en-us")) / "en-us",
    }
    for path in files.values():
        if not path.exists():
            raise ModelError(f"{path}: this file of the listener's model is missing; reinstall or rebuild it")
    paths = {name: str(path) for name, path in files.items()}
    try:
        return pocketsphinx.Decoder(**paths, **DECODER_OPTIONS)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder}: PocketSphinx cannot read the listener's model ({error})") from error
