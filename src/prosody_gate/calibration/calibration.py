"""Measures a microphone, its room and its user."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..errors import AudioError
from ..profile import Microphone, Profile, installed_version, today
from .measured_sound import MeasuredSound, RecordedSound, geometric_mean
from .room_findings import MainsHum, find_mains_hum, upper_edge_hz
from .vad_thresholds import LOWER, VadChoice, choose_vad_options

LEAST_ROOM: Final = 2.0
"""Seconds of room needed."""

LEAST_SPEECH: Final = 3.0
"""Seconds of speech needed that the VAD accepts."""

LEAST_VOICED: Final = 20
"""Voiced frames needed for a level and a pitch."""

CLIPPED_WARNING: Final = 0.001
"""Share of clipped samples from which levels are no longer to be trusted; a warning."""

CLIPPED_ERROR: Final = 0.05
"""Share from which nothing is; an error."""

CLOSE_TO_ROOM_DB: Final = 10.0
"""Voice over the room below which much of it drowns."""

QUIET_DBFS: Final = -45.0
"""Voice below which the VAD begins to miss short words (benchmarks/microphones.py, -30 dB)."""

LEVEL_ERROR_DB: Final = 5.0
"""By how much a quiet voice may seem louder than it is: its soft frames lie below the lowest noise floor there is."""

USUAL_DBFS: Final = -26.0
"""Where a voice should be: the level that speech is brought to for measurements (ITU-T P.56)."""

PEAK_MARGIN_DB: Final = 1.0
"""What the peaks of the voice stay below full scale when amplified."""

PEAK_PERCENTILE: Final = 99.9
"""Of the samples of a voice, what counts as its peak: a single click does not."""

LOUDEST_ROUNDS: Final = 3
"""Times that a quiet voice is amplified and measured anew at most, for a level within 1 dB."""

MOST_GAIN_DB: Final = 40.0
"""What a profile may hold."""

TALKED_IN_ROOM: Final = 0.2
"""Share of speech in a recording of the room from which it is one of somebody talking."""


NARROW_BAND_HZ: Final = 4_000.0

PITCH_RANGE_HZ: Final = (60.0, 500.0)


@dataclass(frozen=True)
class Calibration:
    """What was measured at a microphone."""

    room_dbfs: float
    """Noise floor as recorded, in dBFS."""
    voice_dbfs: float
    """Usual level of the user's voiced speech as recorded, in dBFS."""
    pitch_hz: float
    """The user's usual F0, in Hz."""
    band_hz: float
    """Upper edge of the band, in Hz."""
    clipped_share: float
    """Share of the speech recording cut off at full scale."""
    speech_seconds: float
    """Speech found."""
    hum: MainsHum | None
    """Of the mains, where there is some."""
    input_gain_db: float
    """How much gate and VAD have to amplify the user, in dB; 0 where the voice is loud enough."""
    vad: VadChoice
    """What the VAD needs here, after that gain."""
    talks_in_room: bool
    """Whether the recording of the room holds speech."""

    @property
    def voice_over_room_db(self) -> float:
        """The user's voice over the room, in dB."""
        return self.voice_dbfs - self.room_dbfs

    @property
    def findings(self) -> tuple[str, ...]:
        """What was measured, in plain words."""
        band = f"the band ends at {self.band_hz / 1000.0:.1f} kHz"
        if self.band_hz <= NARROW_BAND_HZ:
            band += ": a telephone line, or a headset in telephone mode"
        return (
            f"your room is at {self.room_dbfs:.0f} dBFS, your voice {self.voice_over_room_db:.0f} dB above it",
            f"your voice is at {self.voice_dbfs:.0f} dBFS and about {self.pitch_hz:.0f} Hz "
            f"({self.speech_seconds:.1f} s of speech)",
            band,
            *self.vad.reasons,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong, and what to do about it."""
        found = []
        if self.clipped_share > CLIPPED_WARNING:
            found.append(
                f"{100.0 * self.clipped_share:.1f} % of your speech is clipped; expected under 0.1 %: "
                "turn the microphone down"
            )
        if self.voice_dbfs < QUIET_DBFS:
            advice = f"turn the microphone up, by {USUAL_DBFS - self.voice_dbfs:.0f} dB at best, and calibrate again"
            if self.input_gain_db:
                advice += f"; until then this profile amplifies you by {self.input_gain_db:.0f} dB for gate and VAD"
            found.append(
                f"your voice is at {self.voice_dbfs:.0f} dBFS, so quiet that VADs miss short words; expected "
                f"{QUIET_DBFS:.0f} or more: {advice}"
            )
        if self.voice_over_room_db < CLOSE_TO_ROOM_DB:
            found.append(
                f"your voice is only {self.voice_over_room_db:.0f} dB above the room; expected 10 or more: "
                "come closer, turn the microphone up, or make the room quieter"
            )
        if self.hum is not None:
            found.append(
                f"mains hum at {self.hum.hz:.0f} Hz and its multiples is {100.0 * self.hum.share:.0f} % of your room's "
                "noise: try another socket, cable or adapter"
            )
        if self.talks_in_room:
            found.append("somebody talks in the recording of the room; expected the room alone")
        return tuple(found)

    def profile(self, *, name: str, source: str) -> Profile:
        """The profile of this microphone.

        Args:
            name: What people call it.
            source: The recordings.
        """
        return Profile(
            microphone=Microphone(
                name=name,
                # As the gate gets them.
                noise_floor_dbfs=_within(self.room_dbfs + self.input_gain_db, -100.0, 0.0),
                speaking_level_dbfs=_within(self.voice_dbfs + self.input_gain_db, -100.0, 0.0),
                pitch_hz=_within(self.pitch_hz, *PITCH_RANGE_HZ),
                band_hz=self.band_hz,
                input_gain_db=self.input_gain_db or None,
                clipped_share=self.clipped_share,
            ),
            gate=MappingProxyType(dict(self.vad.options)),
            provenance=MappingProxyType({"created": today(), "source": source, "version": installed_version()}),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "room_dbfs": round(self.room_dbfs, 1),
            "voice_dbfs": round(self.voice_dbfs, 1),
            "voice_over_room_db": round(self.voice_over_room_db, 1),
            "pitch_hz": round(self.pitch_hz, 1),
            "band_hz": round(self.band_hz),
            "clipped_share": round(self.clipped_share, 5),
            "speech_seconds": round(self.speech_seconds, 2),
            "input_gain_db": self.input_gain_db,
            "hum_hz": None if self.hum is None else self.hum.hz,
            "options": dict(self.vad.options),
            "findings": list(self.findings),
            "warnings": list(self.warnings),
        }


def calibrate(speech: RecordedSound, room: RecordedSound | None = None) -> Calibration:
    """Measure a microphone.

    Args:
        speech: The user speaking as in a call; with pauses, where `room` is None.
        room: The room while nobody speaks; None takes the pauses of `speech`.

    Raises:
        AudioError: A recording is too short, clipped beyond use, without speech, or the two differ in rate.
        ModelError: The Silero model is missing.
    """
    if room is not None and room.sample_rate != speech.sample_rate:
        raise AudioError(
            f"{speech.name}: has {speech.sample_rate} Hz, {room.name} has {room.sample_rate} Hz; "
            "expected both from one microphone, at one rate"
        )
    if speech.clipped_share > CLIPPED_ERROR:
        raise AudioError(
            f"{speech.name}: {100.0 * speech.clipped_share:.0f} % of it is clipped; expected under "
            f"{100.0 * CLIPPED_ERROR:.0f} %: turn the microphone down and record again"
        )
    as_it_is = MeasuredSound.of(speech)
    gain_db, said = _loud_enough(as_it_is)
    # Noise can be periodic, and so voiced; a voice is what the VAD accepts at the lowest threshold there is.
    _check_speech(said, min(LOWER))
    voiced = _voiced(said)
    if voiced.sum() < LEAST_VOICED:
        raise AudioError(f"{speech.name}: no voice found in it; expected somebody speaking")
    empty = said if room is None else MeasuredSound.of(room.louder(gain_db))
    talks_in_room = room is not None and float(np.mean(empty.is_speech)) > TALKED_IN_ROOM
    frames = empty.is_room
    if room is not None and not talks_in_room:
        # Asked for as the room: what sounds like speech in it is the room too.
        frames = np.ones_like(frames)
        frames[: min(16, len(frames) // 2)] = False
    if frames.sum() * FRAME_DURATION < LEAST_ROOM:
        what = "of the room" if room is not None else "of pauses in which nobody speaks"
        raise AudioError(
            f"{empty.sound.name}: {frames.sum() * FRAME_DURATION:.1f} s {what} found; expected {LEAST_ROOM:g} s or more"
        )
    voice_db = _level_of(said)
    loud = voiced & (said.level_dbfs > voice_db - 6.0)
    vad = choose_vad_options(empty.probability[frames], said.probability[loud])
    return Calibration(
        room_dbfs=float(np.median(empty.floor_dbfs[frames])) - gain_db,
        voice_dbfs=voice_db - gain_db,
        pitch_hz=geometric_mean(said.pitch_hz[voiced]),
        # As recorded: peaks cut off by the gain would widen the band.
        band_hz=min(upper_edge_hz(as_it_is.samples_of(voiced | said.is_speech)), speech.sample_rate / 2.0),
        clipped_share=speech.clipped_share,
        speech_seconds=_check_speech(said, vad.activation_threshold),
        hum=find_mains_hum(empty.samples_of(frames).ravel()),
        input_gain_db=gain_db,
        vad=vad,
        talks_in_room=talks_in_room,
    )


def _check_speech(said: MeasuredSound, threshold: float) -> float:
    """Seconds of speech that the VAD accepts from a threshold on.

    Raises:
        AudioError: Too few.
    """
    seconds = float(np.sum(said.probability >= threshold)) * FRAME_DURATION
    if seconds < LEAST_SPEECH:
        hint = ": is it the right device, and the right channel?" if seconds < LEAST_SPEECH / 10.0 else ""
        raise AudioError(
            f"{said.sound.name}: {seconds:.1f} s of speech found; expected {LEAST_SPEECH:g} s or more{hint}"
        )
    return seconds


def input_gain(voice_dbfs: float, *, peak: float) -> float:
    """What brings a voice to the usual level without clipping it, in whole dB, 0 or more.

    Args:
        voice_dbfs: Its level.
        peak: Of its samples, 0 to 1.
    """
    headroom_db = -20.0 * math.log10(peak) - PEAK_MARGIN_DB
    return max(float(math.floor(min(USUAL_DBFS - voice_dbfs, headroom_db, MOST_GAIN_DB))), 0.0)


def _loud_enough(as_it_is: MeasuredSound) -> tuple[float, MeasuredSound]:
    """The gain that a quiet voice needs (0 for one that is not), and its recording measured with it."""
    gain_db, said = 0.0, as_it_is
    for _ in range(LOUDEST_ROUNDS):
        voiced = _voiced(said)
        if not voiced.any():
            break
        level = _level_of(said) - gain_db
        if gain_db == 0.0 and level >= QUIET_DBFS + LEVEL_ERROR_DB:
            break
        peak = float(np.percentile(np.abs(as_it_is.samples_of(voiced)), PEAK_PERCENTILE))
        wanted = input_gain(level, peak=peak)
        if abs(wanted - gain_db) < 1.0:
            break
        gain_db, said = wanted, MeasuredSound.of(as_it_is.sound.louder(wanted))
    if gain_db > 0.0 and not (_voiced(said).any() and _level_of(said) - gain_db < QUIET_DBFS):
        return 0.0, as_it_is  # loud enough after all
    return gain_db, said


def _voiced(said: MeasuredSound) -> npt.NDArray[np.bool_]:
    """The voiced frames of the user; where the VAD finds too little, those that it misses too."""
    seconds = float(said.is_speech.sum()) * FRAME_DURATION
    return said.is_voiced & (said.is_speech if seconds >= LEAST_SPEECH else True)


def _level_of(said: MeasuredSound) -> float:
    return float(said.level_dbfs[_voiced(said)].mean())


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
