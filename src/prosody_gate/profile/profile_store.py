"""Where profiles with a name are: the user's config folder, then those that ship with the package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from ..errors import OptionError

BUNDLED: Final = Path(__file__).with_name("bundled")
"""Starting points that ship with the package."""

SUFFIX: Final = ".toml"


@dataclass(frozen=True)
class NamedProfile:
    """A profile that can be asked for by its name."""

    name: str
    """The file's name, without its suffix."""
    path: Path
    """Where it is."""
    bundled: bool
    """Whether it ships with the package."""


def profile_folder() -> Path:
    """The user's own profiles: `prosody-gate/profiles` in the config folder of the operating system."""
    return platformdirs.user_config_path("prosody-gate") / "profiles"


def named_profiles() -> tuple[NamedProfile, ...]:
    """All profiles with a name, sorted; one of the user's own hides a bundled one of the same name."""
    found = {profile.name: profile for bundled in (True, False) for profile in _in_folder(bundled=bundled)}
    return tuple(found[name] for name in sorted(found))


def find_profile(path_or_name: str | os.PathLike[str]) -> Path:
    """The file of a profile.

    Args:
        path_or_name: A path; or a name without folder and suffix, where there is no file of that name here.

    Raises:
        OptionError: No profile has that name; lists those there are.
    """
    path = Path(path_or_name)
    if path.name != os.fspath(path_or_name) or path.suffix == SUFFIX or os.path.isfile(path):
        return path
    named = named_profiles()
    for profile in named:
        if profile.name == path.name:
            return profile.path
    names = ", ".join(profile.name for profile in named)
    raise OptionError(
        f"profile {path.name!r}: there is none of that name; expected the path of a profile (.toml) or one of {names}"
    )


def _in_folder(*, bundled: bool) -> Iterator[NamedProfile]:
    folder = BUNDLED if bundled else profile_folder()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.is_file() and not path.name.startswith("."):
            yield NamedProfile(path.stem, path, bundled)
