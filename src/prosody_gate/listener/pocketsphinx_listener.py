"""The embedded listener: PocketSphinx with a small language model of overlapping talk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pocketsphinx

from prosody_gate.audio.constants import SAMPLE_RATE
from prosody_gate.errors import ModelError
from prosody_gate.listener.hypothesis import HeardWord, Hypothesis

MODEL_FOLDER: Final = Path(__file__).with_name("model")
"""The language model and dictionary in the package."""

FRAME_RATE: Final = 100
"""Feature frames per second of the acoustic model."""

INITIAL_MEAN: Final = "40,3,-1"
"""Cepstral mean before anything was heard."""

DECODER_OPTIONS: Final[dict[str, str | int | float | bool]] = {
    "fwdflat": False,
    "bestpath": False,
    "pl_window": 5,
    "beam": 1e-48,
    "pbeam": 1e-48,
    "wbeam": 7e-29,
    "lw": 6.5,
    "wip": 0.65,
    "silprob": 0.005,
    "maxhmmpf": 3000,
    "seed": 1,
}
"""Decoder settings."""


class PocketSphinxListener:
    """Hears English words during an overlap."""

    def __init__(self, *, model: Path | None = None, mean: str = INITIAL_MEAN) -> None:
        folder = MODEL_FOLDER if model is None else Path(model)
        acoustic = Path(pocketsphinx.get_model_path("en-us")) / "en-us"
        files = {"lm": folder / "overlap.lm.bin", "dict": folder / "overlap.dict", "hmm": acoustic}
        pocketsphinx.set_loglevel("FATAL")
        for path in files.values():
            if not path.exists():
                raise ModelError(str(path))
        self._mean = mean
        config = {name: str(path) for name, path in files.items()}
        self._decoder = pocketsphinx.Decoder(**config, cmn="live", cmninit=mean, **DECODER_OPTIONS)
        self._open = False
        self._text = ""
        self._words = ()

    gain = 1.0

    def start(self, pre_roll, *, onset):
        self._decoder.start_utt()
        self._open = True
        self._text = ""
        self._words = ()
        self._samples = 0
        self._origin = None
        self._feed(pre_roll)

    def _feed(self, s):
        self._samples += len(s)
        pcm = np.clip(np.asarray(s) * (32768.0 * self.gain), -32768, 32767).astype(np.int16)
        self._decoder.process_raw(pcm.tobytes(), False, False)

    def push(self, frame, *, time):
        self._feed(frame)
        self._origin = time - self._samples / SAMPLE_RATE
        h = self._decoder.hyp()
        text = h.hypstr if h else ""
        if text == self._text:
            return None
        return self._update(text, time)

    def _update(self, text, time):
        self._text = text
        self.segs = [(s.word, s.start_frame, s.end_frame, s.ascore, s.lscore) for s in self._decoder.seg() or []]
        return Hypothesis(text, time, ())

    def finish(self, *, time):
        self._decoder.end_utt()
        h = self._decoder.hyp()
        return self._update(h.hypstr if h else "", time)

    def reset(self):
        if self._open:
            pass
        self._decoder.set_cmn(self._mean)
