"""How good and how fast: labelled recordings judged by the gate and by what people use today."""

from .baseline import Baseline, default_baselines
from .bench_plots import check_plot_folder, plot_bench
from .bench_report import BenchReport, SweepPoint
from .bench_settings import BenchSettings
from .bench_tables import bench_tables
from .call import Call, LabelledEvent
from .clip import Clip
from .decision import Decision
from .gate_factory import GateFactory, ShippedGates
from .heard import Heard
from .manifest import Item, Manifest, SkippedLine, read_manifest
from .manifest_error import ManifestError
from .min_words_rule import MinWordsRule
from .outcome import Outcome, Verdict
from .run_bench import run_bench
from .scene import SceneMaker, SceneOptions
from .speech_duration_rule import SpeechDurationRule
from .system_score import SystemScore
from .word_list_rule import WordListRule
from .word_overlap import WordOverlap
from .work_on import work_on

__all__ = [
    "Baseline",
    "BenchReport",
    "BenchSettings",
    "Call",
    "Clip",
    "Decision",
    "GateFactory",
    "Heard",
    "Item",
    "LabelledEvent",
    "Manifest",
    "ManifestError",
    "MinWordsRule",
    "Outcome",
    "SceneMaker",
    "SceneOptions",
    "ShippedGates",
    "SkippedLine",
    "SpeechDurationRule",
    "SweepPoint",
    "SystemScore",
    "Verdict",
    "WordListRule",
    "WordOverlap",
    "bench_tables",
    "check_plot_folder",
    "default_baselines",
    "plot_bench",
    "read_manifest",
    "run_bench",
    "work_on",
]
