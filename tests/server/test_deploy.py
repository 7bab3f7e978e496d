"""What the deployment files say agrees with the server, and the Node example is JavaScript."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from prosody_gate.server import ServerSettings

ROOT = Path(__file__).resolve().parents[2]
NAMES = {f"PROSODY_GATE_{one.name.upper()}" for one in fields(ServerSettings)}


@pytest.fixture
def manifest() -> dict[str, Any]:
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    return {part["kind"]: part for part in yaml.safe_load_all(text)}


def test_a_pod_has_more_time_to_end_than_its_sessions_have(manifest: dict[str, Any]) -> None:
    pod = manifest["Deployment"]["spec"]["template"]["spec"]
    arguments = pod["containers"][0]["args"]
    drain = float(arguments[arguments.index("--drain") + 1])
    assert drain == ServerSettings().drain
    assert pod["terminationGracePeriodSeconds"] > drain + 10


def test_probes_service_and_autoscaler_name_what_is_there(manifest: dict[str, Any]) -> None:
    container = manifest["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["ports"] == [{"name": "http", "containerPort": ServerSettings().port}]
    assert manifest["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    scaler = manifest["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == manifest["Deployment"]["metadata"]["name"]
    figure = scaler["metrics"][0]["pods"]["metric"]["name"]
    source = (ROOT / "src" / "prosody_gate" / "server" / "server_metrics.py").read_text(encoding="utf-8")
    assert f'"{figure}"' in source


def test_the_container_sets_what_the_server_reads() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    named = set(re.findall(r"PROSODY_GATE_\w+", text))
    assert named
    assert named <= NAMES
    copied = re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_node_example_parses_and_imports_what_it_declares() -> None:
    folder = ROOT / "examples" / "node"
    declared = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    text = (folder / "agent.mjs").read_text(encoding="utf-8")
    assert set(re.findall(r"from '(@[^']+)'", text)) <= set(declared)
    if shutil.which("node") is None:
        pytest.skip("needs Node, which is not installed")
    assert subprocess.run(["node", "--check", folder / "agent.mjs"], capture_output=True, timeout=30).returncode == 0
