"""What can be set about the server, on the command line or in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ..errors import OptionError
from ..gate_factory import GateFactory
from ..recording import RecordOptions

PREFIX: Final = "PROSODY_GATE_"
"""Before the name of a setting in the environment."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Addresses that nobody outside this machine can reach."""

FRACTIONS: Final = frozenset({"sensitivity", "max_windows_per_second", "drain"})
"""Settings that need not be whole numbers."""

TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """All settings of the server. Limits are those of one worker process.

    Raises:
        OptionError: A setting is out of its range, or the server would be open to others without a key.
    """

    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 8080
    """Port to listen at."""
    workers: int = 1
    """Processes. Each uses one core."""
    profile: str = ""
    """Name or path of a microphone profile; empty for none."""
    language: tuple[str, ...] = ("en",)
    """Languages whose phrases count, the main one first."""
    sensitivity: float | None = None
    """0 to 1; None for the profile's, or 0.5."""
    listener: bool | None = None
    """Whether words are recognised; None: if a phrase of the languages has pronunciations."""
    listeners: int = 8
    """Most overlaps that are listened to at the same time by one worker, for the sake of its CPU; further ones go
    without."""
    max_sessions: int = 5_000
    """Open sockets; more are refused with 429."""
    max_sessions_per_key: int = 5_000
    """Open sockets of one API key; without keys, of one address."""
    max_windows_per_second: float = 40.0
    """Windows of one session that are judged; clients send 10. More are answered without a look."""
    auth: bool = True
    """Whether a client needs a token."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """API secrets by their key."""
    metrics: bool = True
    """Whether /metrics is there."""
    playground: bool = True
    """Whether there is a page at / to try the gate with; for browsers on this machine alone."""
    drain: float = 600.0
    """Seconds that open sessions may go on after SIGTERM."""
    record: str = ""
    """Folder to record overlaps in; empty for none."""
    record_share: float = 1.0
    """Share of the overlaps that are recorded, 0 to 1."""
    record_text: bool = True
    """Whether what the listener has recognised is written down."""
    record_quota_mb: float = 1_000.0
    """Megabytes that the folder may have, of all workers."""
    record_keep_days: float = 30.0
    """Days after which a recording is deleted; 0 for never."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 1, 65_535),
            ("workers", 1, 256),
            ("listeners", 1, 100_000),
            ("max_sessions", 1, 1_000_000),
            ("max_sessions_per_key", 1, 1_000_000),
            ("max_windows_per_second", 1, 1_000),
            ("drain", 0, 86_400),
            ("record_share", 0, 1),
            ("record_quota_mb", 1, 1e9),
            ("record_keep_days", 0, 1e5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{option_name(name)}: expected {low} to {high}, got {value:g}")
        for one in fields(self):
            if one.name.startswith("record_") and not self.record and getattr(self, one.name) != one.default:
                raise OptionError(f"{option_name(one.name)}: nothing is recorded; expected --record FOLDER beside it")
        if not self.auth:
            return
        if any(not (key and secret) for key, secret in self.keys.items()):
            raise OptionError("LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected both, got an empty one")
        if not self.keys and self.host not in LOOPBACK:
            raise OptionError(
                f"--host {self.host}: listens to other machines; expected LIVEKIT_API_KEY and LIVEKIT_API_SECRET in "
                "the environment, as the agents have them, or --no-auth to let everybody in"
            )

    @property
    def checks_tokens(self) -> bool:
        """Whether clients must show a token: there are keys, and nobody said --no-auth."""
        return self.auth and bool(self.keys)

    def factory(self) -> GateFactory:
        """What makes the gates.

        Raises:
            OptionError: The profile, the sensitivity or the listener cannot be used.
            LexiconError: A language is unknown.
        """
        return GateFactory.create(
            self.profile or None,
            sensitivity=self.sensitivity,
            languages=self.language,
            listener=self.listener,
            given_by="server",
        )

    def recording(self) -> RecordOptions | None:
        """What is recorded, and how much of it is kept; None where nothing is."""
        if not self.record:
            return None
        return RecordOptions(
            folder=Path(self.record),
            share=self.record_share,
            text=self.record_text,
            quota_mb=self.record_quota_mb,
            keep_days=self.record_keep_days or None,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> ServerSettings:
        """The settings in the environment; what is given, and not None, wins.

        `PROSODY_GATE_MAX_SESSIONS=200` sets `max_sessions`, and so on. The keys come from LIVEKIT_API_KEY and
        LIVEKIT_API_SECRET, and from LIVEKIT_KEYS ("key: secret", several of them separated by commas or new lines).

        Raises:
            OptionError: A value cannot be read or used.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for one in fields(cls):
            if one.name == "keys":
                continue
            text = environment.get(PREFIX + one.name.upper(), "")
            if text:
                values[one.name] = _read(one.name, text)
        values["keys"] = _read_keys(environment)
        return cls(**values | {name: value for name, value in given.items() if value is not None})

    def to_environment(self) -> dict[str, str]:
        """The settings without the keys, as `from_environment` reads them: for the worker processes."""
        found = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "keys" or value is None:
                continue
            shown = ",".join(value) if isinstance(value, tuple) else str(value)
            found[PREFIX + one.name.upper()] = shown.lower() if isinstance(value, bool) else shown
        return found


def option_name(name: str) -> str:
    """A setting as the command line has it."""
    return f"--{name.replace('_', '-')}"


def _read(name: str, text: str) -> Any:
    """One setting of the environment."""
    variable = PREFIX + name.upper()
    if name == "language":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name in ("host", "profile", "record"):
        return text
    if name in ("listener", "auth", "metrics", "playground", "record_text"):
        if text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
        raise OptionError(f"{variable}: expected true or false, got {text!r}")
    kind = float if name in FRACTIONS or name.startswith("record_") else int
    try:
        return kind(text)
    except ValueError:
        raise OptionError(f"{variable}: expected a number, got {text!r}") from None


def _read_keys(environment: Mapping[str, str]) -> dict[str, str]:
    keys = {}
    for entry in environment.get("LIVEKIT_KEYS", "").replace("\n", ",").split(","):
        key, colon, secret = (part.strip() for part in entry.partition(":"))
        if entry.strip() and not (key and secret):
            raise OptionError("LIVEKIT_KEYS: expected 'key: secret', several of them separated by commas")
        if colon:
            keys[key] = secret
    key, secret = environment.get("LIVEKIT_API_KEY", ""), environment.get("LIVEKIT_API_SECRET", "")
    if key or secret:
        keys[key] = secret
    return keys
