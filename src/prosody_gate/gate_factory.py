"""The one place where a gate is put together: profile, languages, phrases, listener, options."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import Any

from .errors import OptionError
from .evidence import EvidenceSource
from .gate import Gate, GateOptions, check_sources
from .lexicon import Lexicon
from .listener import (
    LISTENER_LANGUAGE,
    Listener,
    PhonemeListener,
    RememberingRecogniser,
    is_listener_usable,
    knows_sounds_of,
)
from .profile import Profile
from .prosody import ProsodyAnalyzer

MakeListener = Callable[[], Listener]


@dataclass(frozen=True, kw_only=True)
class GateFactory:
    """What the gates of one application have in common, checked once; makes as many gates as wanted.

    Can be pickled, as long as `sources` and a `listener` of the user's own can.

    Example:
        factory = GateFactory.create(profile="headset", languages=["en", "es"], max_hold=2.0)
        result = replay("call.wav", factory.gate(), agent_channel=0, user_channel=1)
    """

    options: GateOptions = field(default_factory=GateOptions)
    """The defaults, then the profile's, then the caller's own."""
    lexicon: Lexicon = field(default_factory=Lexicon.load)
    """The phrases of all languages and files."""
    listener: bool | MakeListener = True
    """Whether gates get the on-device listener, or what makes another one."""
    profile: Profile | None = None
    """The microphone: where noise floor and speaker norms start from, and how much the user is amplified."""
    sources: tuple[EvidenceSource, ...] | None = None
    """Evidence sources; None for the built-in ones."""

    @classmethod
    def create(
        cls,
        profile: Profile | str | os.PathLike[str] | None = None,
        *,
        sensitivity: float | None = None,
        languages: Sequence[str] = (LISTENER_LANGUAGE,),
        lexicon: Lexicon | None = None,
        lexicon_files: Sequence[str | os.PathLike[str]] = (),
        listener: bool | MakeListener | None = None,
        sources: Sequence[EvidenceSource] | None = None,
        options: GateOptions | None = None,
        given_by: str = "options",
        **overrides: Any,
    ) -> GateFactory:
        """Check all that decides how gates are made.

        Args:
            profile: A microphone profile, the path of its file, or its name.
            sensitivity: 0 to 1; None leaves it to `options` and the profile, 0.5 without them.
            languages: Codes of packaged languages, the main one first.
            lexicon: Phrases to use instead of those of `languages` and `lexicon_files`.
            lexicon_files: Paths of phrase files of the user's own.
            listener: None for the on-device listener where it knows how phrases are said (English, and languages whose
                phrases have pronunciations) and can run on this machine, True to insist on it, False for none, or
                what makes another one.
            sources: Evidence sources instead of the built-in ones.
            options: Options of the gate; they win over the profile.
            given_by: Where the overrides come from, for error messages.
            **overrides: Fields of `GateOptions`; they win over `options`.

        Raises:
            OptionError: The profile, an option, the sources' names or the listener cannot be used, or the on-device
                listener knows how none of the phrases is said.
            LexiconError: A language or a phrase file cannot be used.
        """
        if not (listener is None or isinstance(listener, bool) or callable(listener)):
            raise OptionError(
                f"listener: expected True, False, None or a function that makes a listener, got {listener!r}; "
                "gate(listener=...) takes a listener itself"
            )
        check_sources(sources or ())
        if lexicon is None:
            lexicon = Lexicon.load(languages, files=[Path(file) for file in lexicon_files])
        knows = isinstance(lexicon, Lexicon) and knows_sounds_of(lexicon)
        if listener is True and not knows:
            raise OptionError(
                f"listener: does not know how any phrase of {', '.join(lexicon.languages)} is said; "
                "expected English, or [pronunciations] in a phrase file"
            )
        if listener is None:
            listener = knows and is_listener_usable()
        loaded = profile if profile is None or isinstance(profile, Profile) else Profile.load(profile)
        fields = {} if options is None else options.model_dump(exclude_unset=True)
        fields |= overrides
        if sensitivity is not None:
            fields["sensitivity"] = sensitivity
        start = GateOptions() if loaded is None else loaded.options()
        return cls(
            options=GateOptions.create(given_by, **{**start.model_dump(), **fields}),
            lexicon=lexicon,
            listener=listener,
            profile=loaded,
            sources=None if sources is None else tuple(sources),
        )

    @property
    def listens(self) -> bool:
        """Whether gates get a listener."""
        return bool(self.listener)

    @property
    def about(self) -> dict[str, Any]:
        """What a report or a recording says of the gates that decided, as JSON-ready values."""
        profile = None if self.profile is None else self.profile.microphone.name
        return {"languages": list(self.lexicon.languages), "profile": profile}

    @property
    def echo_guard(self) -> bool:
        """Whether the profile wants the agent's voice taken out of the user's."""
        return self.profile is not None and self.profile.echo_guard

    @property
    def input_gain_db(self) -> float:
        """How much louder than recorded the gate and its VAD get the user, in dB."""
        return 0.0 if self.profile is None else self.profile.input_gain_db

    def make_listener(self, *, replays: bool = False) -> Listener | None:
        """A fresh listener as these gates get it; None where they get none.

        Args:
            replays: Whether it will get the same sound again and again: the one of this package then keeps what its
                recogniser found.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        if callable(self.listener):
            return self.listener()
        if not self.listener:
            return None
        return PhonemeListener(self.lexicon, recogniser=RememberingRecogniser() if replays else None)

    def make_analyzer(self, make: Callable[..., ProsodyAnalyzer] = ProsodyAnalyzer) -> ProsodyAnalyzer:
        """A fresh analyzer that starts from what the profile knows of room and speaker.

        Args:
            make: Makes it; takes the arguments of `ProsodyAnalyzer`.
        """
        return make() if self.profile is None else self.profile.analyzer(make)

    def gate(
        self,
        *,
        expects_transcripts: bool = False,
        options: GateOptions | None = None,
        listener: Listener | EllipsisType | None = ...,
        sources: Sequence[EvidenceSource] | None = None,
        analyzer: ProsodyAnalyzer | None = None,
    ) -> Gate:
        """A fresh gate, with a listener and an analyzer of its own.

        Args:
            expects_transcripts: Whether transcripts will come.
            options: Instead of the factory's.
            listener: Instead of a fresh one; None for none.
            sources: Instead of the factory's.
            analyzer: Instead of a fresh one.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        return Gate(
            options or self.options,
            lexicon=self.lexicon,
            listener=self.make_listener() if listener is ... else listener,
            sources=self.sources if sources is None else sources,
            analyzer=analyzer or self.make_analyzer(),
            expects_transcripts=expects_transcripts,
            input_gain_db=self.input_gain_db,
        )
