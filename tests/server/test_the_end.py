"""How a served process ends: Ctrl-C, and a second SIGTERM, while sessions are open."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import RunningServer, client, running_server, status_of


async def dismissed(server: RunningServer, *signals: signal.Signals) -> None:
    """With a session open the process gets the signals; the session is told to fall back."""
    async with client(server.url) as one:
        await one.create()
        for number in signals[:-1]:
            server.process.send_signal(number)
            async with asyncio.timeout(5.0):
                while await status_of(server.url) != 429:
                    await asyncio.sleep(0.02)
            assert server.get("/readyz")[0] == 503
            await one.send('{"type":"session.close"}')
            assert await one.receive() == {"type": "session.closed"}  # it goes on
        server.process.send_signal(signals[-1])
        message = await one.receive()
        assert (message["type"], message["code"]) == ("error", 403)
        assert await one.closed() == 1001


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)],
    ids=["Ctrl-C", "a second SIGTERM", "Ctrl-C while it drains"],
)
def test_sessions_are_told_to_fall_back_and_the_process_ends_well_long_before_the_drain(
    signals: tuple[signal.Signals, ...],
) -> None:
    with running_server("--no-listener", "--drain", "300", environment={}) as server:
        asyncio.run(dismissed(server, *signals))
        began = time.monotonic()
        assert server.process.wait(10.0) == 0
        assert time.monotonic() - began < 8.0
        assert "Traceback" not in server.log
