"""What is known of one microphone, from a file: a starting point for the gate."""

from .microphone import Microphone
from .profile import Profile
from .profile_store import NamedProfile, find_profile, named_profiles, profile_folder

__all__ = ["Microphone", "NamedProfile", "Profile", "find_profile", "named_profiles", "profile_folder"]
