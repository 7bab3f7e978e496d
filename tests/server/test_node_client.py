"""LiveKit's own Node client, unchanged, in a real AgentSession against a real server process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import ENVIRONMENT, RunningServer, channel, recorded, running_server

pytestmark = pytest.mark.slow

SESSIONS = Path(__file__).with_name("node") / "sessions.mjs"
PACKAGES = ("@livekit/agents@1.9.0", "@livekit/rtc-node@0.13.35", "zod", "ws")
AGENT = [[0.4, 4.4]]
AT = 1.8


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where LiveKit's Node agents are installed, once for all test processes."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node 20 and npm, which are not installed")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "node"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules").is_dir():
            command = ["npm", "i", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", ".", *PACKAGES]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                shutil.rmtree(folder / "node_modules", ignore_errors=True)
                pytest.skip(f"npm cannot install LiveKit's agents: {done.stderr[-300:]}")
        shutil.copy(SESSIONS, folder)
    return folder


class NodeSession:
    """What one session of the Node process did; times in seconds of the user's channel."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.playout: list[tuple[str, float]] = found["playout"]
        self.overlaps: list[dict[str, Any]] = found["overlaps"]
        self.metrics: list[dict[str, Any]] = found["metrics"]

    @property
    def cut(self) -> float | None:
        return next((at for kind, at in self.playout if kind == "cut"), None)


def go(
    node: Path,
    url: str,
    plans: dict[str, tuple[np.ndarray, list[list[float]]]],
    *,
    during: tuple[float, Callable[[], Any]] | None = None,
    **environment: str,
) -> tuple[dict[str, NodeSession], str]:
    """Run sessions in one Node process; gives them by name, and the log."""
    name = f"{os.getpid()}-{next(iter(plans)).replace(' ', '-')}"
    written = []
    for index, (samples, agent_speaks) in enumerate(plans.values()):
        path = node / f"{name}-{index}.raw"
        path.write_bytes(samples.tobytes())
        written.append({"samples": str(path), "agentSpeaks": agent_speaks})
    plan = node / f"{name}.json"
    plan.write_text(json.dumps(written))
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LIVEKIT_")}
    process = subprocess.Popen(
        ["node", "sessions.mjs", str(plan)],
        cwd=node,
        env=kept | ENVIRONMENT | {"LIVEKIT_INFERENCE_URL": url} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(*during) if during is not None else None
    lines = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if (timer is not None and "using audio" in line) or (timer is not None and len(lines) == 1):
                timer.start()
                timer = None
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    log = "".join(lines)
    found = [json.loads(line.removeprefix("RESULT ")) for line in lines if line.startswith("RESULT ")]
    assert found, log
    return {name: NodeSession(one) for name, one in zip(plans, found[0], strict=True)}, log


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--no-listener") as one:
        yield one


@pytest.fixture(scope="module")
def ran(node: Path, server: RunningServer, shared_data: Path) -> dict[str, NodeSession]:
    stop, yes, cough = (
        recorded(shared_data, group, text, index)
        for group, text, index in (("command_word", "stop", 4), ("read_affirmative", "yes", 0), ("cough", None, 0))
    )
    sessions, _ = go(
        node,
        server.url,
        {
            "stop": (channel(5.0, (AT, stop)), AGENT),
            "yes": (channel(5.0, (AT, yes)), AGENT),
            "cough": (channel(5.0, (AT, cough)), AGENT),
            "yes, then stop": (channel(6.6, (AT, yes), (4.2, stop)), [[0.4, 5.8]]),
            "the agent ends": (channel(4.4, (AT, yes)), [[0.4, 1.9], [3.2, 1.0]]),
        },
    )
    return sessions


def test_stop_interrupts_the_agent(ran: dict[str, NodeSession]) -> None:
    assert ran["stop"].cut is not None
    assert AT < ran["stop"].cut < AT + 2.0


@pytest.mark.parametrize("sound", ["yes", "cough"])
def test_what_is_no_interruption_does_not_stop_the_agent(ran: dict[str, NodeSession], sound: str) -> None:
    assert [kind for kind, _ in ran[sound].playout] == ["play", "end"]


def test_livekits_own_event_and_metrics_say_what_the_gate_found(ran: dict[str, NodeSession]) -> None:
    (event,) = ran["stop"].overlaps
    assert event["isInterruption"]
    assert event["probability"] >= 0.85
    assert event["probabilities"] == event["speechInput"] // 400
    assert 0.0 < event["predictionDurationInS"] <= event["totalDurationInS"] < 0.7
    (metrics,) = ran["stop"].metrics
    assert (metrics["numInterruptions"], metrics["numBackchannels"]) == (1, 0)
    (event,) = ran["yes"].overlaps
    assert not event["isInterruption"]
    assert 0.0 < event["probability"] < 0.85
    (metrics,) = ran["yes"].metrics
    assert (metrics["numInterruptions"], metrics["numBackchannels"]) == (0, 1)


def test_the_second_overlap_of_an_agent_turn_is_judged_by_itself(ran: dict[str, NodeSession]) -> None:
    assert [event["isInterruption"] for event in ran["yes, then stop"].overlaps] == [False, True]
    assert ran["yes, then stop"].cut is not None
    assert 4.2 < ran["yes, then stop"].cut < 5.8


def test_an_agent_that_ends_in_mid_overlap_is_not_interrupted(ran: dict[str, NodeSession]) -> None:
    assert ran["the agent ends"].cut is None
    assert [event["isInterruption"] for event in ran["the agent ends"].overlaps] == [False]


def test_a_wrong_secret_leaves_the_agent_with_its_vad(node: Path, server: RunningServer, shared_data: Path) -> None:
    long = channel(4.0, (AT, recorded(shared_data, "spoken_order")))
    sessions, log = go(
        node,
        server.url,
        {"wrong secret": (long, [[0.4, 3.0]])},
        LIVEKIT_API_SECRET="another-secret-with-as-many-letters",
    )
    assert sessions["wrong secret"].cut is not None
    assert sessions["wrong secret"].overlaps == []
    assert "unhandled" not in log


def test_sessions_that_a_server_must_end_fall_back_to_their_vad_at_once(node: Path, shared_data: Path) -> None:
    long = channel(4.5, (AT, recorded(shared_data, "spoken_order")))
    with running_server("--no-listener", "--drain", "0") as own:
        sessions, log = go(
            node,
            own.url,
            {"dismissed": (long, AGENT)},
            during=(1.0, lambda: own.process.send_signal(signal.SIGTERM)),
        )
        assert own.process.wait(15) == 0
    cut = sessions["dismissed"].cut
    assert cut is not None
    assert cut < AT + 1.5
    assert "unhandled" not in log


def test_a_call_goes_on_when_the_server_is_killed(node: Path, shared_data: Path) -> None:
    yes = channel(5.0, (AT, recorded(shared_data, "read_affirmative", "yes")))
    with running_server("--no-listener") as own:
        sessions, _ = go(node, own.url, {"killed": (yes, AGENT)}, during=(1.0, own.process.kill))
    assert sessions["killed"].playout[-1][0] in ("end", "cut")
