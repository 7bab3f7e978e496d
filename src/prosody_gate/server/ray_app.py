"""The server as a Ray Serve application: `serve run prosody_gate.server.ray_app:app`.

Settings and keys are those in the environment of the command, as `prosody-gate serve` reads them. PROSODY_GATE_REPLICAS
says how many replicas there are, of one core each (1 by default); everything else about them can be set in Ray Serve's
own configuration file. A session stays with the replica that it began with. One that is to end takes no new sessions
and waits for its own, for as long as `drain` says.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final

from ray import serve
from starlette.applications import Starlette

from ..errors import OptionError
from .app import BargeinServer
from .settings import PREFIX, ServerSettings

REPLICAS: Final = f"{PREFIX}REPLICAS"
"""Environment variable with the number of replicas."""

SPARE: Final = 64
"""Requests beyond the sessions that a replica takes: for the refusals and the probes."""


def application(settings: ServerSettings, *, replicas: int = 1) -> serve.Application:
    """The server with given settings, ready for `serve.run`.

    Args:
        settings: Those about address, workers, metrics and playground say nothing here: Ray has its own.
        replicas: How many, of one core each.
    """

    def build() -> Starlette:
        return BargeinServer(settings).app

    options: dict[str, Any] = {
        "name": "prosody-gate",
        "num_replicas": replicas,
        "ray_actor_options": {"num_cpus": 1},
        # A session is a request that goes on for as long as the call.
        "max_ongoing_requests": settings.max_sessions + SPARE,
        "graceful_shutdown_timeout_s": settings.drain,
        "graceful_shutdown_wait_loop_s": 0.5,
    }
    deployment = serve.deployment(**options)(serve.ingress(build)())
    bound: serve.Application = deployment.bind()
    return bound


def _from_environment() -> serve.Application:
    text = os.environ.get(REPLICAS, "1")
    if not text.isdigit() or int(text) < 1:
        raise OptionError(f"{REPLICAS}: expected a whole number from 1, got {text!r}")
    settings = ServerSettings.from_environment(playground=False, metrics=False)
    if settings.auth and not settings.checks_tokens:
        logging.getLogger("prosody_gate.server").warning(
            "no LIVEKIT_API_KEY and LIVEKIT_API_SECRET: everybody who reaches Ray's proxy may use this server"
        )
    return application(settings, replicas=int(text))


app: Final = _from_environment()
"""What `serve run` serves."""
