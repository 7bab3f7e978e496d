"""The machine's microphone and loudspeaker, through sounddevice, which is an extra."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import OptionError

Samples = npt.NDArray[np.float32]

RATES: Final = (8_000, 48_000)
"""What recordings may have, in Hz."""

USUAL_RATE: Final = 48_000
INSTALL_PORTAUDIO: Final = "sudo apt install libportaudio2 (Debian, Ubuntu) or brew install portaudio (macOS)"

BLOCK: Final = 0.05
"""Seconds between two readings of the level."""


class Recorder(Protocol):
    """Records one microphone."""

    @property
    def name(self) -> str:
        """Of the device, as people know it."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    def record(self, seconds: float, *, level: Callable[[Samples], None]) -> Samples:
        """Record for some seconds.

        Args:
            seconds: How long.
            level: Called with each block as it comes.

        Returns:
            Float32 mono in [-1, 1], shape [n].

        Raises:
            OptionError: The device fails.
        """


class Player(Protocol):
    """Plays sound."""

    def play(self, samples: Samples, sample_rate: int) -> None:
        """Play to the end.

        Args:
            samples: Float32 mono in [-1, 1], shape [n].
            sample_rate: In Hz.

        Raises:
            OptionError: The device fails.
        """


class MicrophoneRecorder:
    """A microphone of this machine.

    Args:
        device: Number or part of the name; None for the system's own choice.

    Raises:
        OptionError: sounddevice is not installed, or there is no such device.
    """

    def __init__(self, device: str | None = None) -> None:
        self._module = load_sounddevice("--record")
        self._device = int(device) if device is not None and device.isdecimal() else device
        try:
            found = self._module.query_devices(self._device, "input")
        except (ValueError, self._module.PortAudioError) as error:
            raise OptionError(
                f"--record: no microphone found ({_one_line(error)}); expected one: plug it in, or choose with --device"
            ) from None
        self.name = str(found["name"])
        rate = round(float(found["default_samplerate"]))
        self.sample_rate = rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE

    def record(self, seconds: float, *, level: Callable[[Samples], None]) -> Samples:
        """Record for some seconds; see `Recorder`."""
        size = round(BLOCK * self.sample_rate)
        blocks = []
        try:
            with self._module.InputStream(
                samplerate=self.sample_rate, channels=1, dtype="float32", device=self._device, blocksize=size
            ) as stream:
                for _ in range(round(seconds / BLOCK)):
                    block, _overflowed = stream.read(size)
                    blocks.append(np.asarray(block, np.float32)[:, 0])
                    level(blocks[-1])
        except self._module.PortAudioError as error:
            raise OptionError(
                f"--record: {self.name} cannot be recorded ({_one_line(error)}); expected a free microphone"
            ) from None
        return np.clip(np.concatenate(blocks), -1.0, 1.0)


class LoudspeakerPlayer:
    """The loudspeaker of this machine.

    Raises:
        OptionError: sounddevice is not installed, or there is no loudspeaker.
    """

    def __init__(self) -> None:
        self._module = load_sounddevice("playing")
        try:
            self._module.query_devices(None, "output")
        except (ValueError, self._module.PortAudioError) as error:
            raise OptionError(f"playing: no loudspeaker found ({_one_line(error)})") from None

    def play(self, samples: Samples, sample_rate: int) -> None:
        """Play to the end; see `Player`."""
        try:
            self._module.play(samples, sample_rate, blocking=True)
        except self._module.PortAudioError as error:
            raise OptionError(f"playing: the loudspeaker fails ({_one_line(error)})") from None


def load_sounddevice(what: str) -> Any:
    """Import the extra.

    Args:
        what: Needs it, for the message.

    Raises:
        OptionError: It is not installed, or the sound system that it needs is not.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise OptionError(
            f"{what}: sounddevice is not installed; install it with pip install 'prosody-gate[record]'"
        ) from None
    except OSError as error:
        if "PortAudio" not in str(error):
            raise OptionError(f"{what}: no sound device can be used here ({_one_line(error)})") from None
        raise OptionError(
            f"{what}: the sound library PortAudio is not installed; install it with {INSTALL_PORTAUDIO}"
        ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
