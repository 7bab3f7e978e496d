"""What a pipeline is made with: where the gate stands, which Pipecat it needs, what it imports."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.frames.frames import TranscriptionFrame
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.audio.vad_processor import VADProcessor

from documented import run_samples
from pipecat_call import LoudIsSpeech
from prosody_gate.pipecat import ProsodyGate, SaidWord, SpokenTimes
from prosody_gate.pipecat.pipeline_checks import PipelineChecks, surroundings
from prosody_gate.pipecat.testing import SilentSTT

REPOSITORY = Path(__file__).resolve().parents[2]


def parts() -> dict[str, Any]:
    user, _ = LLMContextAggregatorPair(LLMContext())
    gate = ProsodyGate(vad_analyzer=LoudIsSpeech(), listener=False)
    return {"stt": SilentSTT(), "gate": gate, "user": user, "vad": VADProcessor(vad_analyzer=LoudIsSpeech())}


@pytest.mark.parametrize(
    ("order", "warned"),
    [
        ("stt gate user", []),
        ("gate user", []),
        ("stt user gate", ["after the user aggregator"]),
        ("stt gate", ["no user aggregator comes after the gate"]),
        ("gate stt user", ["a speech-to-text service comes after the gate"]),
        ("stt vad gate user", ["the pipeline has a VADProcessor"]),
        ("stt gate vad user", ["the pipeline has a VADProcessor"]),
    ],
)
def test_a_gate_in_the_wrong_place_and_a_second_vad_are_one_line_each(
    order: str, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = parts()
    checks = PipelineChecks()
    for _ in range(2):
        checks.check(surroundings(made["gate"], Pipeline([made[name] for name in order.split()])))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(warned)
    for message, expected in zip(messages, warned, strict=True):
        assert expected in message
        assert "\n" not in message


def test_a_speech_to_text_service_in_a_pipeline_of_its_own_is_found() -> None:
    made = parts()
    inner = Pipeline([made["stt"]])
    found = surroundings(made["gate"], Pipeline([ParallelPipeline([inner]), made["gate"], made["user"]]))
    assert found.stt is made["stt"]
    assert made["user"] in found.after


def run_python(code: str) -> str:
    """Run code in a fresh interpreter; what it printed, or its error's last line."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_gate_can_be_made_where_livekit_cannot_be_imported() -> None:
    code = """
        import sys

        class NoLiveKit:
            def find_spec(self, name, path=None, target=None):
                if name == "livekit" or name.startswith("livekit."):
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, NoLiveKit())
        from pipecat.audio.vad.silero import SileroVADAnalyzer
        from prosody_gate.pipecat import ProsodyGate
        gate = ProsodyGate(vad_analyzer=SileroVADAnalyzer())
        ProsodyGate.prewarm()
        print(gate.gate.state, [name for name in sys.modules if name.split(".")[0] == "livekit"])
    """
    assert run_python(code).splitlines()[-1] == "idle []"


def test_prosody_gate_alone_imports_neither_framework() -> None:
    code = """
        import sys
        import prosody_gate, prosody_gate.session
        print([name for name in sys.modules if name.split(".")[0] in ("livekit", "pipecat")])
    """
    assert run_python(code) == "[]"


@pytest.mark.parametrize("found", ["1.13.2", "0.0.99", "2.0.0", "3.1"])
def test_another_version_of_pipecat_is_named_in_one_line(found: str) -> None:
    code = f"""
        import importlib.metadata as metadata
        real = metadata.version
        metadata.version = lambda name: "{found}" if name == "pipecat-ai" else real(name)
        import prosody_gate.pipecat
    """
    assert run_python(code) == (
        f"ImportError: prosody_gate.pipecat needs pipecat-ai>=1.14,<2 and found {found}: "
        'pip install "pipecat-ai>=1.14,<2"'
    )


def test_without_pipecat_the_error_says_what_to_install() -> None:
    code = """
        import importlib.metadata as metadata
        real = metadata.version
        def version(name):
            if name == "pipecat-ai":
                raise metadata.PackageNotFoundError(name)
            return real(name)
        metadata.version = version
        import prosody_gate.pipecat
    """
    expected = 'needs Pipecat, which is not installed: pip install "prosody-gate[pipecat]"'
    assert run_python(code) == f"ImportError: prosody_gate.pipecat {expected}"


def test_the_tests_run_with_a_version_that_is_supported() -> None:
    numbers = importlib.metadata.version("pipecat-ai").split(".")
    assert (1, 14) <= (int(numbers[0]), int(numbers[1])) < (2, 0)


@pytest.mark.slow
def test_the_offline_example_prints_the_decisions_of_a_real_pipeline() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "pipecat_offline.py"), "--seconds", "12.5"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "the bot speaks" in done.stdout
    assert "hold     speech" in done.stdout
    assert "cancel" in done.stdout
    assert "the bot: end" in done.stdout


@pytest.mark.slow
def test_the_samples_of_the_page_run_and_its_test_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    names = run_samples("docs/pipecat.md")
    names["test_a_cough_does_not_stop_the_bot"]()
    said = names["times"](TranscriptionFrame("yes", "", "", result={"words": [{"text": "yes", "start": 1, "end": 2}]}))
    assert said == SpokenTimes(1, 2, (SaidWord("yes", 1, 2),))


def test_the_example_bot_says_in_one_line_what_is_missing() -> None:
    example = REPOSITORY / "examples" / "pipecat_agent.py"
    done = subprocess.run([sys.executable, "-W", "ignore", str(example)], capture_output=True, text=True, timeout=120)
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert line.startswith("pipecat_agent.py: ")
    assert "install it with pip install" in line or line.endswith("export the keys of Deepgram and OpenAI")
