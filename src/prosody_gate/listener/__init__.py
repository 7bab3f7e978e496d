"""What was said, heard on the device while it is being said."""

from .listener import STEADY, HeardWord, Hypothesis, Listener
from .pocketsphinx_listener import PocketSphinxListener
from .remembered_listener import HeardSteps, RememberedListener, SharedDecoder, frames_then_silence

__all__ = [
    "STEADY",
    "HeardSteps",
    "HeardWord",
    "Hypothesis",
    "Listener",
    "PocketSphinxListener",
    "RememberedListener",
    "SharedDecoder",
    "frames_then_silence",
]
