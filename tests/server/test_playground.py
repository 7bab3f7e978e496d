"""The playground in a real Chromium, with a recording as its microphone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")
pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from playwright.sync_api import sync_playwright

from bargein_server import KEY, SECRET, RunningServer, channel, client, recorded, running_server, serving, status_of

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
AT = 4.0
"""Where in the microphone's recording the user makes a sound; the page needs a moment to start."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--no-listener") as one:
        yield one


def browse(server: RunningServer, tmp_path: Path, sound: np.ndarray) -> Any:
    """Open the page with a recording as its microphone, start, and wait until what it has was decided."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, which is not installed (apt-get install chromium)")
    path = tmp_path / "microphone.wav"
    sf.write(path, channel(AT + 6.0, (AT, sound)), 16_000)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={path}%noloop",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        try:
            page = browser.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
            page.goto(server.url + "/")
            page.get_by_role("button", name="Start").click()
            page.wait_for_selector("body[data-agent=speaking]", timeout=20_000)
            page.wait_for_selector("#events li.confirm, #events li.cancel", timeout=20_000)
            page.wait_for_timeout(500)
            found = {
                "agent": page.evaluate("document.body.dataset.agent"),
                "levels": [],
                "events": page.evaluate("[...document.querySelectorAll('#events li')].map((line) => line.className)"),
                "state": page.text_content("#state"),
                "problems": problems,
            }
            for _ in range(10):  # a voice has pauses
                found["levels"].append(page.evaluate("playground.agentLevel()"))
                page.wait_for_timeout(100)
            page.screenshot(path=tmp_path / "page.png", full_page=True)
            return found
        finally:
            browser.close()


@pytest.mark.slow
def test_stop_stops_the_agents_voice(server: RunningServer, tmp_path: Path, shared_data: Path) -> None:
    found = browse(server, tmp_path, recorded(shared_data, "command_word", "stop", 4))
    assert found["problems"] == []
    assert found["agent"] == "stopped"
    assert max(found["levels"]) == 0.0
    assert found["events"] == ["confirm", "hold"]
    assert found["state"] == "Confirmed: the agent has stopped."


@pytest.mark.slow
def test_yeah_leaves_it_on(server: RunningServer, tmp_path: Path) -> None:
    samples, _ = sf.read(DEMO, dtype="int16")
    yeah = samples[round(9.9 * 16_000) : round(10.5 * 16_000), 1]
    found = browse(server, tmp_path, yeah)
    assert found["problems"] == []
    assert found["agent"] == "speaking"
    assert max(found["levels"]) > 0.01
    assert found["events"] == ["cancel", "hold"]
    assert found["state"] == "Cancelled: the agent talks on."


async def page_status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(url + "/", headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "gate.example"},
        {"Host": "attacker.example:8080"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Origin": "http://attacker.example"},
    ],
)
def test_the_playground_is_for_browsers_on_this_machine_alone(headers: dict[str, str]) -> None:
    async def test() -> None:
        async with serving() as (url, _):
            assert await page_status(url) == 200
            assert await page_status(url, **headers) == 403
            assert await status_of(url, path="/playground/bargein") == 101
            if "Host" not in headers:
                assert await status_of(url, path="/playground/bargein", **headers) == 403

    asyncio.run(test())


def test_the_playground_needs_no_token_and_can_be_switched_off() -> None:
    async def test() -> None:
        async with serving(keys={KEY: SECRET}) as (url, _):
            assert await status_of(url) == 401
            async with client(url, path="/playground/bargein") as one:
                await one.create(gate_events=True)
                assert (await one.judge(1, np.zeros(1_600, np.int16)))["gate"] == {"state": "idle", "events": []}
        async with serving(keys={KEY: SECRET}, playground=False) as (url, _):
            assert await page_status(url) == 404
            # Then it is a prefix like any other.
            assert await status_of(url, path="/playground/bargein") == 401

    asyncio.run(test())
