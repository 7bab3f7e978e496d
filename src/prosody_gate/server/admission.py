"""Who may open a session, and how many may be open."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Final

import jwt
from livekit.api import TokenVerifier
from starlette.requests import HTTPConnection

from .settings import LOOPBACK, ServerSettings

logger = logging.getLogger("prosody_gate.server")

LONGEST_TOKEN: Final = 8_192
"""Characters of a token that is looked at; LiveKit's have some 300."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is not let in, as an HTTP status and a line."""

    status: int
    reason: str
    """For the metrics, a word."""
    message: str
    """For the client."""


class Admission:
    """Checks tokens, and counts the sessions of each key.

    Tokens are checked when a connection opens, and never again: sessions outlive them.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._verifiers = {key: TokenVerifier(key, secret) for key, secret in settings.keys.items()}
        self._open: Counter[str] = Counter()
        self.draining = False
        """Whether nobody is let in any more."""

    @property
    def sessions(self) -> int:
        """Sessions that are open."""
        return self._open.total()

    @property
    def full(self) -> bool:
        """Whether there is no room for another session."""
        return self.sessions >= self._settings.max_sessions

    def owner_of(self, connection: HTTPConnection) -> str | Refusal:
        """Whose a connection is: its API key, or without keys its address.

        Returns:
            A refusal with status 401 where there is no token that is good for inference.
        """
        if not self._settings.checks_tokens:
            return connection.client.host if connection.client else "unknown"
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return Refusal(401, "no_token", "expected a token: Authorization: Bearer ...")
        if len(token) > LONGEST_TOKEN:
            return Refusal(401, "wrong_token", "the token is too long")
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            claims = self._verifiers[issuer].verify(token)
        except Exception as error:  # a token is anything that a stranger sends
            logger.info("a token was refused (%s)", type(error).__name__)
            expired = isinstance(error, jwt.ExpiredSignatureError)
            what = "the token has expired" if expired else "the token is not of this server's API key and secret"
            return Refusal(401, "expired_token" if expired else "wrong_token", what)
        if claims.inference is None or claims.inference.perform is not True:
            return Refusal(401, "no_grant", "the token has no grant for inference")
        return issuer

    def refusal_of(self, owner: str) -> Refusal | None:
        """Why an owner may not open one more session now; None where it may."""
        if self.draining:
            return Refusal(429, "draining", "the server is about to end")
        if self.full:
            return Refusal(429, "full", "the server has as many sessions as it takes")
        if self._open[owner] >= self._settings.max_sessions_per_key:
            return Refusal(429, "key_full", "this API key has as many sessions as it may")
        return None

    def enter(self, owner: str) -> None:
        """Count a session that opens."""
        self._open[owner] += 1

    def leave(self, owner: str) -> None:
        """Count a session that has closed."""
        self._open[owner] -= 1
        if self._open[owner] <= 0:
            del self._open[owner]


def is_local(connection: HTTPConnection) -> bool:
    """Whether a connection comes from a browser on this machine, not by way of a proxy, and not from another's page."""
    headers = connection.headers
    if connection.client is None or connection.client.host not in LOOPBACK:
        return False
    if any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via")):
        return False
    host = headers.get("host", "")
    if host.rsplit(":", 1)[0].strip("[]") not in LOOPBACK:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == host
