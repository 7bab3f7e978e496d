"""The page to try the gate with."""

from __future__ import annotations


def playground_page() -> bytes:
    """The page."""
    return b"<!doctype html>"


def playground_voice() -> bytes:
    """The agent's voice."""
    return b""
