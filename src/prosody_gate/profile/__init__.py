"""What is known of one microphone, from a file: a starting point for the gate."""

from .microphone import Microphone
from .profile import Profile

__all__ = ["Microphone", "Profile"]
