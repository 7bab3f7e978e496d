"""`label --page`: served on loopback, for one page alone, labels straight into the file."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from browser import Watched, chromium
from prosody_gate.bench import read_manifest
from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.labelling import FolderLabelling
from prosody_gate.page import LabelServer, page_of_folder, page_parts
from prosody_gate.recording import label_of, overlap_files, read_line

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label") / "recorded"
    ran = CliRunner().invoke(app, ["run", str(DEMO), "--agent-channel", "0", "--record", str(folder), "-q"])
    assert ran.exit_code == 0, ran.output
    return folder


@contextmanager
def labelling(*arguments: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`prosody-gate label --page` as a process, and the address it gives."""
    command = [sys.executable, "-m", "prosody_gate", "label", *map(str, arguments), "--page", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0], process
        finally:
            if process.poll() is None:
                process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    return output.strip().splitlines()[-1]


def test_labels_of_a_folder_go_straight_into_it(recorded: Path) -> None:
    with chromium() as browser, labelling(recorded) as (url, process):
        watched = Watched(browser)
        page = watched.open(url)
        assert url.startswith("http://127.0.0.1:")
        for key in "bbb":
            page.keyboard.press(key)
        watched.until("document.getElementById('kept').textContent.startsWith('saved in')")
        page.keyboard.press("u")
        watched.until("document.getElementById('progress-text').textContent === '2 of 7 labelled'")
        page.locator(".row").nth(5).click()
        page.keyboard.press("i")
        watched.until("document.getElementById('kept').textContent.includes('0006')")
        page.keyboard.press(" ")
        watched.until("document.getElementById('audio').currentTime > 1.7")
        page.keyboard.press("g")
        page.wait_for_timeout(500)
        assert watched.errors == []
        assert all(request.startswith((url, "blob:", "data:")) or "/label" in request for request in watched.network)
        assert ended(process) == f"3 labelled, 4 left: {recorded}"
    labels = [label_of(read_line(path)) for path in overlap_files(recorded)]
    assert labels == ["backchannel", "backchannel", None, None, None, "interruption", None]


def test_labels_of_a_call_go_into_its_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "calls.jsonl"
    with chromium() as browser, labelling(DEMO, "--agent-channel", 0, "--output", manifest) as (url, process):
        watched = Watched(browser)
        page = watched.open(url)
        page.keyboard.press("b")
        watched.until("document.getElementById('kept').textContent === 'saved in calls.jsonl'")
        page.reload()
        ended_line = ended(process)
    assert ended_line == f"1 labelled, 6 left: {manifest}"
    (call,) = read_manifest(manifest).items
    assert [event.label for event in call.events] == ["backchannel"]  # type: ignore[union-attr]


@pytest.fixture
def server() -> Iterator[LabelServer]:
    saved: dict[str, str | None] = {"one": None}

    def save(key: str, label: str | None) -> Path:
        if key not in saved:
            raise KeyError(key)
        if label == "ambiguous":
            raise OptionError("calls.jsonl: cannot be written (No space left on device)")
        saved[key] = label
        return Path("calls.jsonl")

    made = LabelServer(save)
    made.show("<p>page</p>")
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.stop()
    thread.join(5)
    made.close()


def ask(url: str, body: Any = None, **headers: str) -> tuple[int, str]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_only_this_page_may_read_and_write(server: LabelServer) -> None:
    base = server.url.rsplit("/", 2)[0]
    save = base + server.saves
    assert ask(server.url) == (200, "<p>page</p>")
    assert ask(f"{base}/") == (403, '{"error": "not for this page"}')
    assert ask(f"{base}/wrong/label", {"key": "one", "label": "noise"})[0] == 403
    assert ask(save, {"key": "one", "label": "noise"}, Origin="http://elsewhere.example")[0] == 403
    assert ask(save, {"key": "one", "label": "noise"}, Host="elsewhere.example:80")[0] == 403
    assert ask(save, {"key": "one", "label": "noise"}) == (200, '{"file": "calls.jsonl"}')


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "expected a key and one of interruption"),
        ([], 400, "expected a key and one of"),
        ({"key": "one", "label": "shout"}, 400, "expected a key and one of"),
        ({"key": "other", "label": "noise"}, 404, "there is no such overlap"),
        ({"key": "one", "label": "ambiguous"}, 500, "calls.jsonl: cannot be written (No space left on device)"),
        (b" " * 20_000, 413, "expected at most 10000 bytes"),
    ],
)
def test_what_cannot_be_saved_is_said(server: LabelServer, body: Any, status: int, message: str) -> None:
    got, text = ask(server.url.rsplit("/", 2)[0] + server.saves, body)
    assert got == status
    assert message in text


def test_sound_comes_in_parts(server: LabelServer, tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    path.write_bytes(b"0123456789")
    url = server.url + server.link(path)
    assert ask(url) == (200, "0123456789")
    assert ask(url, Range="bytes=2-4") == (206, "234")
    assert ask(url, Range="bytes=7-") == (206, "789")
    assert ask(url, Range="bytes=20-")[0] == 416
    path.unlink()
    assert ask(url)[0] == 404
    assert ask(server.url + "sound/9")[0] == 404


def test_a_port_that_is_taken_is_one_line(server: LabelServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    with pytest.raises(OptionError, match=f"--port {port}: cannot be listened on"):
        LabelServer(lambda key, label: Path(), port=port)


def test_the_terminal_labels_a_folder_too(tmp_path: Path, recorded: Path) -> None:
    import shutil

    folder = tmp_path / "recorded"
    shutil.copytree(recorded, folder)
    for path in overlap_files(folder):
        fields = read_line(path)
        path.write_text(json.dumps({**fields, "events": []}), encoding="utf-8")
    overlap_files(folder)[6].write_text("{", encoding="utf-8")
    shown: list[str] = []
    sitting = FolderLabelling(folder, player=None, key=iter("bbub" + "csiq").__next__, show=shown.append)
    assert "not JSON" in sitting.problems[0]
    sitting.run()
    labels = [label_of(read_line(path)) for path in overlap_files(folder)[:6]]
    assert labels == ["backchannel", "backchannel", "nonspeech", None, "interruption", None]
    assert (sitting.count, sitting.left) == (6, 2)
    assert shown[0].startswith("1 of 6: 2.0")


def test_a_folder_takes_no_output(recorded: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["label", str(recorded), "--output", str(tmp_path / "x.jsonl")])
    assert ran.exit_code == 2
    assert "--output: the labels of" in ran.output


def test_labels_that_come_at_the_same_time_are_written_one_after_the_other() -> None:
    writing, most = [0], [0]

    def save(key: str, label: str | None) -> Path:
        writing[0] += 1
        most[0] = max(most[0], writing[0])
        time.sleep(0.02)
        writing[0] -= 1
        return Path("calls.jsonl")

    made = LabelServer(save)
    made.show("<p>page</p>")
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    asking = [
        threading.Thread(target=ask, args=(made.url + "label", {"key": "one", "label": "noise"})) for _ in range(6)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join(10)
    made.stop()
    thread.join(5)
    made.close()
    assert most == [1]


def test_damaged_recordings_are_named_and_the_rest_is_shown(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(recorded, folder)
    first, second, third, *_ = overlap_files(folder)
    # An event that is no object; a file that was copied with the name of another inside; one that goes while the page
    # is made.
    for path, change in ((first, {"events": ["backchannel"]}), (second, {"name": third.stem})):
        path.write_text(json.dumps({**read_line(path), **change}), encoding="utf-8")
    data = page_of_folder(folder)
    assert len(data.items) == 7
    assert data.lines[0]["events"] == []
    assert len({item.key for item in data.items}) == 7
    third.write_text("{", encoding="utf-8")
    assert f"{third}: not JSON" in data.clips[2]().missing
    fields = read_line(second)
    second.write_text(json.dumps({**fields, "trace": {}}), encoding="utf-8")
    assert f"{second}: is damaged" in data.clips[1]().missing
    assert data.clips[3]().missing == ""


def test_at_port_80_browsers_leave_the_port_out(server: LabelServer) -> None:
    port = server._server.server_port
    address = f"http://127.0.0.1:{port}{server.saves}"
    body = {"key": "one", "label": "noise"}
    assert ask(address, body, Host="127.0.0.1")[0] == 403
    assert ask(address, body, Host="127.0.0.1:81")[0] == 403
    server._server.server_port = 80
    for host, origin in (("127.0.0.1", "http://127.0.0.1"), ("localhost", "http://localhost")):
        assert ask(address, body, Host=host, Origin=origin)[0] == 200
    assert ask(address, body, Host="127.0.0.1:80")[0] == 200
    assert ask(address, body, Host="127.0.0.1", Origin="http://elsewhere.example")[0] == 403


def test_a_title_that_looks_like_a_place_of_the_template_is_a_title(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "%DATA% %SCRIPT%"
    shutil.copytree(recorded, folder)
    page = "".join(page_parts(page_of_folder(folder)))
    assert f"<title>Recorded overlaps: {folder.name}" in page
    assert page.count('id="page-data"') == 1
    assert page.count('id="clip-0"') == 1
