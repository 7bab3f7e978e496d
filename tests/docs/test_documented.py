"""Every command and sample that the pages show runs, and does what the page says."""

from __future__ import annotations

import asyncio
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from livekit.agents import Agent, AgentSession

from documented import (
    ROOT,
    blocks_of,
    commands_of,
    failed_sessions,
    run_samples,
    type_in,
    workplace,
    write_files,
)
from prosody_gate import GateEvent, ReplayResult
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.testing import RecordedInput, SilentOutput, SilentSTT

PAGES = ("README.md", "docs/phrases.md", "docs/livekit.md", "docs/tuning.md")
SAMPLES = ("README.md", "docs/phrases.md", "docs/tuning.md")
"""Those of docs/livekit.md run in tests/livekit."""

NOT_TYPED = ("cd ", "export ", "git clone ")
"""What only prepares the reader's shell."""

SCRIPTS = ("scripts/install", "scripts/demo", "scripts/test", "scripts/build", "scripts/check")
"""They install: the tests look into them instead of running them."""

ONLY_PARSED = ("calibrate --record", "prosody-gate label", "prosody-gate serve", "prosody-gate tune")
"""Commands that need a microphone, keys or minutes: their own tests run them; here their options are checked."""

BUNDLED_CALL = ["cancel", "cancel", "cancel", "cancel", "cancel", "confirm", "confirm"]
"""What the README says of the bundled call: five sounds cancelled, then two interruptions confirmed."""


def typed(page: str) -> list[str]:
    return [command for command in commands_of(page) if not command.startswith(NOT_TYPED)]


def runs(command: str) -> bool:
    return command.startswith(("prosody-gate", "python"))


def every(pages: tuple[str, ...] = PAGES) -> list[tuple[str, str]]:
    return list(dict.fromkeys((page, command) for page in pages for command in typed(page)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workplace(tmp_path_factory.mktemp("documented"))
    for page in PAGES:
        write_files(page, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command"), [one for one in every() if runs(one[1])])
def test_a_documented_command_runs(place: Path, page: str, command: str) -> None:
    if any(only in command for only in ONLY_PARSED):
        command += " --help"
    if "calls.jsonl" in command or "usb-headset" in command:
        # What the page made in the steps before.
        make_profiles(place)
    done = type_in(place, command)
    assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"


def make_profiles(place: Path) -> None:
    for name in ("usb-headset.toml", "usb-headset-tuned.toml"):
        if not (place / name).exists():
            made = type_in(place, f"prosody-gate calibrate --room room.wav --speech speech.wav --output {name}")
            assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(("page", "command"), [one for one in every() if not runs(one[1])])
def test_every_other_command_is_a_script_or_installs_an_extra_there_is(page: str, command: str) -> None:
    words = shlex.split(command)
    if words[0] in SCRIPTS:
        assert words[0] == "scripts/build" or (ROOT / words[0]).stat().st_mode & 0o111, page
        return
    assert words[:2] in (["pip", "install"], ["uv", "add"]), (page, command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.search(r"\[([\w,]+)\]$", words[-1])
    assert found is not None
    assert set(found[1].split(",")) <= set(project["optional-dependencies"]), (page, command)


@pytest.mark.slow
def test_the_demonstration_script_runs_the_command_on_the_bundled_call(place: Path) -> None:
    script = (ROOT / "scripts" / "demo").read_text(encoding="utf-8")
    command = next(line for line in script.splitlines() if "prosody-gate run" in line)
    done = type_in(place, command.replace(".venv/bin/", "").replace('"${1:-demo.png}"', "demo.png"))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"\b(confirm|cancel|release) ", done.stdout) == BUNDLED_CALL
    assert (place / "demo.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("page", SAMPLES)
def test_the_python_samples_of_a_page_run(page: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("livekit.plugins.deepgram")
    pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")
    monkeypatch.chdir(place)
    monkeypatch.setenv("DEEPGRAM_API_KEY", "none")
    make_profiles(place)
    assert blocks_of(page, "python")
    run_samples(page)


def test_what_the_page_on_phrases_shows_is_what_python_answers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert len(blocks_of("docs/phrases.md", "pycon")) >= 5
    assert list(failed_sessions("docs/phrases.md")) == []


def test_the_page_on_phrases_counts_the_lists_rightly() -> None:
    from prosody_gate import Lexicon

    page = (ROOT / "docs" / "phrases.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z]{2}) \| [^|]+ \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    lexicons = {code: Lexicon.load([code]) for code in Lexicon.available_languages()}
    assert rows == [(code, str(len(one.ignore)), str(len(one.interrupt))) for code, one in lexicons.items()]


@pytest.mark.slow
def test_the_readmes_library_sample_decides_on_the_bundled_call_what_the_readme_says(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("livekit.plugins.deepgram")
    pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")
    monkeypatch.chdir(place)
    monkeypatch.setenv("DEEPGRAM_API_KEY", "none")
    result = run_samples("README.md")["result"]
    assert isinstance(result, ReplayResult)
    assert [event.kind.value for event in result.decisions] == BUNDLED_CALL
    assert [round(event.onset) for event in result.decisions if event.kind.value == "confirm"] == [25, 41]


@pytest.mark.slow
def test_the_readmes_livekit_sample_talks_on_through_okay_right_and_stops_for_yeah_but_wait(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In real time, on the bundled call, with a recogniser that says nothing in the place of Deepgram's."""
    deepgram = pytest.importorskip("livekit.plugins.deepgram")
    monkeypatch.chdir(place)
    monkeypatch.setattr(deepgram, "STT", SilentSTT)
    sample = next(block for block in blocks_of("README.md", "python") if "AgentSession" in block.text)
    assert "sensitivity" not in sample.text
    decisions = asyncio.run(call_with(sample.text))
    assert [event.kind.value for event in decisions] == [*["cancel"] * 5, "confirm"]
    assert abs(decisions[-1].onset - 25.4) < 0.3


async def call_with(sample: str) -> list[GateEvent]:
    """The first 28 s of the bundled call, through the session that a sample makes."""
    import soundfile
    from livekit import rtc

    names: dict[str, object] = {}
    exec(sample, names)
    session, gate = names["session"], names["gate"]
    assert isinstance(session, AgentSession)
    assert isinstance(gate, ProsodyGate)
    samples, rate = soundfile.read(ROOT / "examples" / "demo.flac", dtype="int16")
    agent, user = samples[: 28 * rate, 0], samples[: 28 * rate, 1]
    microphone, loudspeaker = RecordedInput(np.ascontiguousarray(user)), SilentOutput(rate)
    session.input.audio, session.output.audio = microphone, loudspeaker
    decisions: list[GateEvent] = []
    gate.on("decision", lambda event: decisions.append(event) if event.kind.value != "hold" else None)
    session.options.aec_warmup_duration = 0
    await session.start(Agent(instructions="The words come from the recording."))

    async def voice():  # type: ignore[no-untyped-def]
        step = rate // 50
        for start in range(int(microphone.time * rate), len(agent) - step, step):
            yield rtc.AudioFrame(agent[start : start + step].tobytes(), rate, 1, step)

    await asyncio.sleep(max(3.9 - microphone.time, 0.0))
    session.say("", audio=voice(), add_to_chat_ctx=False)
    await microphone.ended.wait()
    await session.aclose()
    await gate.aclose()
    return decisions


def links_of(page: str) -> list[str]:
    """The links of a page that lead somewhere in the repository."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors_of(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for link in links_of(page):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors_of(target), f"{page}: {link}"


def test_the_readme_lists_every_page_of_the_documentation() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(links_of("README.md"))
