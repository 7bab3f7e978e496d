"""The error of a manifest line that cannot be used."""

from __future__ import annotations

from ..errors import ProsodyGateError


class ManifestError(ProsodyGateError):
    """A benchmark manifest, or a line of it, is not what it should be; names the file and the line."""
