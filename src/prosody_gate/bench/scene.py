"""Puts a clip into a scene: the room before it, the room after it, and what makes it harder."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import soxr

from ..audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFile, Resampler
from ..errors import AudioError, OptionError
from .items import Clip

WINDOW: Final = 512
HOP: Final = 128

QUIETEST_SHARE: Final = 0.05
"""Share of a clip's windows that count as its room."""

LEAST_WINDOWS: Final = 2

DIGITAL_SILENCE: Final = 2.0**-16
"""Half a step of 16-bit audio: below it there was padding, not a room."""

LEAST_POWER: Final = 1e-9
"""-90 dBFS: a room is never quieter than a converter."""

MOST_PADDED: Final = 0.1
"""Share of a window that padding may take before the window says nothing about the room."""

Samples = npt.NDArray[np.float32]


def room_noise(clip: Samples, length: int, rng: np.random.Generator, *, silence_dbfs: float = -75.0) -> Samples:
    """Make noise with the level and the spectrum of a clip's quietest windows.

    White noise is shaped with the mean power spectrum of the quietest 5 % of the windows of 32 ms, padding left
    out. The noise has no repeats, as a tiled stretch would have, and no voice.

    Args:
        clip: Mono float32 at 16 kHz, shape [n].
        length: Samples to make.
        rng: Where its randomness comes from.
        silence_dbfs: Level of the white noise that is made where the clip has no room: all padding, or too short.

    Returns:
        Float32 of shape [length].
    """
    white = rng.standard_normal(length)
    spectrum = _quietest_spectrum(clip)
    if spectrum is None:
        return np.asarray(white * 10.0 ** (silence_dbfs / 20.0), np.float32)
    bins = np.fft.rfft(white)
    places = np.linspace(0.0, len(spectrum) - 1.0, len(bins))
    shaped = np.fft.irfft(bins * np.sqrt(np.interp(places, np.arange(len(spectrum)), spectrum)), length)
    return np.asarray(shaped, np.float32)


def is_padding(samples: Samples) -> npt.NDArray[np.bool_]:
    """Where a clip holds nothing, not even a room: runs of 10 ms or more of digital silence, shape [n]."""
    shortest = 160
    silent = np.abs(samples) < DIGITAL_SILENCE
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    padding = np.zeros(len(samples), np.bool_)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= shortest:
            padding[start:stop] = True
    return padding


def _quietest_spectrum(clip: Samples) -> npt.NDArray[np.float64] | None:
    """Mean power a sample, by frequency, of the quietest windows; None where there is no room."""
    if len(clip) < WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(clip, WINDOW)[::HOP]
    padded = np.lib.stride_tricks.sliding_window_view(is_padding(clip), WINDOW)[::HOP]
    power = np.mean(np.square(windows, dtype=np.float64), axis=1)
    usable = np.flatnonzero((power > LEAST_POWER) & (padded.mean(axis=1) <= MOST_PADDED))
    if len(usable) < LEAST_WINDOWS:
        return None
    count = max(LEAST_WINDOWS, round(QUIETEST_SHARE * len(usable)))
    quietest = usable[np.argsort(power[usable], kind="stable")[:count]]
    taper = np.hanning(WINDOW)
    spectra = np.abs(np.fft.rfft(windows[quietest] * taper, axis=1)) ** 2
    return np.asarray(spectra.mean(axis=0) / np.sum(taper**2), np.float64)


LEAD_IN: Final = 1.024
"""Seconds of room before the clip; a whole number of frames."""

TAIL: Final = 2.0
"""Seconds of room after the clip: time enough for every decision."""

FADE: Final = 80
"""Samples (5 ms) over which room and padding change places."""

AROUND: Final = 3.0
"""Seconds beside a clip cut out of a longer recording that are searched for its room."""

TELEPHONE_RATE: Final = 8_000
TELEPHONE_BAND: Final = (300.0, 3_400.0)
"""Hz, ITU-T G.712."""
TELEPHONE_SLOPE: Final = 100.0
"""Hz over which the band's edges fall off."""

ACTIVE_RANGE_DB: Final = 20.0
"""Frames this far below the loudest still count as the sound itself, for the signal-to-noise ratio."""

Band = Literal["wide", "telephone"]


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """How clips are made harder; the defaults leave them as they are."""

    gain_db: float = 0.0
    """Gain of the whole scene, in dB; what goes beyond full scale is clipped."""
    noise: Path | None = None
    """A recording to lay under the whole scene, from a place that the seed chooses."""
    snr_db: float | None = None
    """Level of the clip's sound over that noise, in dB."""
    band: Band = "wide"
    """telephone: 300 to 3400 Hz at 8 kHz, then through the streaming resampler as in a call."""
    silence_dbfs: float | None = None
    """Level of white noise before and after the clip, in dBFS; None for the clip's own room."""
    seed: int = 0
    """Of all that is random."""

    def __post_init__(self) -> None:
        if (self.noise is None) != (self.snr_db is None):
            raise OptionError("noise and snr_db: expected both or neither")
        if self.noise is not None:
            object.__setattr__(self, "noise", self.noise.absolute())  # workers have a working folder of their own
        if self.band not in ("wide", "telephone"):
            raise OptionError(f"band is {self.band!r}; expected wide or telephone")
        for name, low, high in (("gain_db", -60, 60), ("snr_db", -30, 60), ("silence_dbfs", -100, -20)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise OptionError(f"{name}: expected a number from {low} to {high}, got {value:g}")

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON-ready values; of the noise its file name alone."""
        return {
            "lead_in": LEAD_IN,
            "tail": TAIL,
            "gain_db": self.gain_db,
            "noise": None if self.noise is None else self.noise.name,
            "snr_db": self.snr_db,
            "band": self.band,
            "silence_dbfs": self.silence_dbfs,
            "seed": self.seed,
        }


class SceneMaker:
    """Makes scenes of clips; a scene depends on its clip, the options and nothing else.

    Args:
        options: What all scenes have in common.

    Raises:
        AudioError: The noise cannot be read.
    """

    def __init__(self, options: SceneOptions) -> None:
        self._options = options
        self._noise = None if options.noise is None else read_at_analysis_rate(options.noise)

    def make(self, clip: Clip) -> Samples:
        """The scene of one clip: float32 at 16 kHz, the clip from `LEAD_IN` on.

        Raises:
            AudioError: The recording cannot be read.
        """
        options = self._options
        rng = np.random.default_rng(
            np.frombuffer(hashlib.sha256(f"{options.seed} {clip.name}".encode()).digest(), np.uint32)
        )
        samples, around = cut(clip)
        scene = self._with_room(samples, around, rng)
        if self._noise is not None and options.snr_db is not None:
            scene += self._noise_for(len(scene), active_level(samples), options.snr_db, rng)
        scene *= np.float32(10.0 ** (options.gain_db / 20.0))
        np.clip(scene, -1.0, 1.0, out=scene)
        return over_telephone(scene) if options.band == "telephone" else scene

    def _with_room(self, samples: Samples, around: Samples, rng: np.random.Generator) -> Samples:
        before, after = round(LEAD_IN * SAMPLE_RATE), round(TAIL * SAMPLE_RATE)
        # To a whole frame, so that no frame of zeros ends the scene.
        after += -(before + len(samples) + after) % FRAME_SAMPLES
        scene = np.concatenate((np.zeros(before, np.float32), samples, np.zeros(after, np.float32)))
        level = self._options.silence_dbfs
        if level is None:
            room = room_noise(around, len(scene), rng)
        else:
            room = np.asarray(rng.standard_normal(len(scene)) * 10.0 ** (level / 20.0), np.float32)
        padding = is_padding(scene)
        padding[:before] = padding[before + len(samples) :] = True
        # The room reaches a few milliseconds into the clip: no gap, no click, and the clip's onset untouched.
        share = np.convolve(padding, np.ones(FADE) / FADE, "same").astype(np.float32)
        return scene + room * np.maximum(share, padding)

    def _noise_for(self, length: int, level: float, snr_db: float, rng: np.random.Generator) -> Samples:
        assert self._noise is not None
        noise = np.roll(self._noise, -int(rng.integers(len(self._noise))))
        noise = np.resize(noise, length)
        power = float(np.sqrt(np.mean(np.square(noise, dtype=np.float64))))
        return np.asarray(noise * (level * 10.0 ** (-snr_db / 20.0) / max(power, 1e-9)), np.float32)


def read_at_analysis_rate(path: Path) -> Samples:
    """A whole recording, all channels mixed, float32 at 16 kHz.

    Raises:
        AudioError: It cannot be read.
    """
    with AudioFile(path) as recording:
        resampler = Resampler(recording.sample_rate)
        blocks = [resampler.push(block) for block in recording.blocks()]
    return np.concatenate([*blocks, resampler.flush()])


def cut(clip: Clip) -> tuple[Samples, Samples]:
    """The part of a recording that a clip is, and that part with `AROUND` on either side, for the sound of its room.

    Returns:
        Both float32 at 16 kHz.

    Raises:
        AudioError: The recording cannot be read, or there is nothing left.
    """
    stop = math.inf if clip.end is None else clip.end
    first = max(clip.start - AROUND, 0.0)
    kept: list[Samples] = []
    before = done = 0
    with AudioFile(clip.audio) as recording:
        resampler = Resampler(recording.sample_rate)
        for block in (*recording.blocks(), None):
            part = resampler.flush() if block is None else resampler.push(block)
            if (done + len(part)) / SAMPLE_RATE >= first:
                kept.append(part)
            else:
                before += len(part)
            done += len(part)
            if done / SAMPLE_RATE >= stop + AROUND:
                break
    around = np.concatenate(kept) if kept else np.zeros(0, np.float32)
    end = None if clip.end is None else round(clip.end * SAMPLE_RATE) - before
    samples = around[round(clip.start * SAMPLE_RATE) - before : end]
    if samples.size == 0:
        raise AudioError(f"{clip.audio}: nothing between {clip.start:g} s and its end")
    return samples, around[max(round(first * SAMPLE_RATE) - before, 0) :]


def active_level(samples: Samples) -> float:
    """RMS of the frames of 32 ms within 20 dB of the loudest one."""
    whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES]
    frames = whole.reshape(-1, FRAME_SAMPLES) if whole.size else samples[np.newaxis]
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return float(np.sqrt(power[power >= power.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)].mean()))


def over_telephone(samples: Samples) -> Samples:
    """Band-limit to 300 to 3400 Hz at 8 kHz, and come back to 16 kHz through the streaming resampler.

    Args:
        samples: Float32 at 16 kHz.

    Returns:
        Float32 at 16 kHz, of the same length give or take a sample.
    """
    narrow = soxr.resample(samples, SAMPLE_RATE, TELEPHONE_RATE)
    bins = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1.0 / TELEPHONE_RATE)
    low, high = TELEPHONE_BAND
    distance = np.minimum(hertz - low, high - hertz) / TELEPHONE_SLOPE
    bins *= np.clip(distance + 1.0, 0.0, 1.0)
    limited = np.clip(np.fft.irfft(bins, len(narrow)), -1.0, 1.0).astype(np.float32)
    resampler = Resampler(TELEPHONE_RATE)
    return np.concatenate((resampler.push(limited), resampler.flush()))
