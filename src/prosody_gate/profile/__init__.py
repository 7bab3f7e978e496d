"""What is known of one microphone, from a file: a starting point for the gate."""

from .profile import Microphone, Profile, installed_version, today
from .profile_store import NamedProfile, find_profile, named_profiles, profile_folder

__all__ = [
    "Microphone",
    "NamedProfile",
    "Profile",
    "find_profile",
    "installed_version",
    "named_profiles",
    "profile_folder",
    "today",
]
