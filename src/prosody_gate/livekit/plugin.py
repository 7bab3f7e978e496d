"""Makes the package one of LiveKit's plugins, so that a worker names it and its version among them."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import version

from livekit.agents import Plugin


class ProsodyGatePlugin(Plugin):
    """What LiveKit knows of this package. Its models are part of it: there is nothing to download."""

    def __init__(self) -> None:
        logger = logging.getLogger("prosody_gate")
        super().__init__("prosody_gate.livekit", version("prosody-gate"), "prosody_gate", logger)


def register() -> None:
    """Register the plugin once; not from a thread other than the main one, where LiveKit takes no plugins."""
    known = any(isinstance(plugin, ProsodyGatePlugin) for plugin in Plugin.registered_plugins)
    if not known and threading.current_thread() is threading.main_thread():
        Plugin.register_plugin(ProsodyGatePlugin())
