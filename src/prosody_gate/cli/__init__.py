"""The command line: `prosody-gate`."""

from .app import app, main

__all__ = ["app", "main"]
