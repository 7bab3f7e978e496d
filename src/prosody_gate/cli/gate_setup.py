"""All that a command was told about the gate, checked once; makes as many gates as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from ..gate import Gate, GateOptions
from ..lexicon import Lexicon
from ..profile import Profile

LISTENER_LANGUAGE = "en"
"""The one language that the listener knows."""


@dataclass(frozen=True, kw_only=True)
class GateSetup:
    """What the gates of one command have in common."""

    options: GateOptions
    """The defaults, then the profile, then the command line."""
    lexicon: Lexicon
    """The phrases of all languages and files."""
    listener: bool
    """Whether gates get the on-device listener."""
    profile: Profile | None = None
    """Where noise floor and speaker norms start from."""

    @classmethod
    def from_command_line(
        cls,
        *,
        profile: str | None = None,
        sensitivity: float | None = None,
        option: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        lexicons: Sequence[Path] | None = None,
        listener: bool | None = None,
    ) -> GateSetup:
        """Check what the command line says.

        Args:
            profile: Name or path of a microphone profile.
            sensitivity: 0 to 1.
            option: Fields of `GateOptions`, each as `name=value`.
            languages: Codes of packaged languages, the main one first; English when None.
            lexicons: Paths of phrase files.
            listener: Whether to listen; None listens where English is among the languages.

        Raises:
            OptionError: The profile or an option cannot be used.
            LexiconError: A language or a phrase file cannot be used.
        """
        fields = _fields(option or ())
        languages = languages or (LISTENER_LANGUAGE,)
        if sensitivity is not None:
            if "sensitivity" in fields:
                raise OptionError("--option sensitivity: given by --sensitivity too; expected one of them")
            fields["sensitivity"] = sensitivity
        knows = LISTENER_LANGUAGE in languages
        if listener and not knows:
            raise OptionError(f"--listener: knows {LISTENER_LANGUAGE} alone, got {', '.join(languages)}")
        loaded = None if profile is None else Profile.load(profile)
        start = GateOptions() if loaded is None else loaded.options()
        return cls(
            options=GateOptions.create("command line", **{**start.model_dump(), **fields}),
            lexicon=Lexicon.load(languages, files=lexicons or ()),
            listener=knows if listener is None else listener,
            profile=loaded,
        )

    @property
    def input_gain_db(self) -> float:
        """How much louder than recorded the gate and its VAD hear the user, in dB."""
        return 0.0 if self.profile is None else self.profile.input_gain_db

    def gate(self, *, expects_transcripts: bool = False) -> Gate:
        """A fresh gate, with a listener of its own.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        listener = None
        if self.listener:
            from ..listener import PocketSphinxListener

            listener = PocketSphinxListener()
        return Gate(
            self.options,
            lexicon=self.lexicon,
            listener=listener,
            analyzer=None if self.profile is None else self.profile.analyzer(),
            expects_transcripts=expects_transcripts,
        )


def _fields(option: Sequence[str]) -> dict[str, float]:
    fields: dict[str, float] = {}
    for entry in option:
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (name and equals):
            raise OptionError(f"--option {entry!r}: expected name=value, for instance max_hold=2.0")
        if name not in GateOptions.model_fields:
            raise OptionError(f"--option {name}: unknown; expected one of {', '.join(GateOptions.model_fields)}")
        if name in fields:
            raise OptionError(f"--option {name}: given twice; expected once")
        try:
            fields[name] = float(value)
        except ValueError:
            raise OptionError(f"--option {name}: expected a number, got {value!r}") from None
    return fields
