"""A server that speaks LiveKit's adaptive-interruption protocol, so that its own clients get the gate unchanged."""

from .app import BargeinServer, create_app
from .frames import SessionCreate
from .serving import address_of, check_port, is_open_to_all, serve
from .settings import ServerSettings

__all__ = [
    "BargeinServer",
    "ServerSettings",
    "SessionCreate",
    "address_of",
    "check_port",
    "create_app",
    "is_open_to_all",
    "serve",
]
