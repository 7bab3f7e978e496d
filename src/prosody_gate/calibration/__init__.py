"""Measures a microphone, its room and its user."""

from .calibration import Calibration, calibrate
from .guided_recording import TASKS, Recorded, Rehearsal, Task, check_keep_folder, keep, record_tasks, rehearse
from .measured_sound import RecordedSound, Samples
from .sound_device import LoudspeakerPlayer, MicrophoneRecorder, Player

__all__ = [
    "TASKS",
    "Calibration",
    "LoudspeakerPlayer",
    "MicrophoneRecorder",
    "Player",
    "Recorded",
    "RecordedSound",
    "Rehearsal",
    "Samples",
    "Task",
    "calibrate",
    "check_keep_folder",
    "keep",
    "record_tasks",
    "rehearse",
]
