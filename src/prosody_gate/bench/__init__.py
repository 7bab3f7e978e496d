"""How good and how fast: labelled recordings judged by the gate and by what people use today."""

from .bench_plots import check_plot_folder, plot_bench
from .bench_report import BenchReport, SweepPoint
from .bench_tables import bench_tables, gate_sentence
from .gate_factory import GateFactory, ShippedGates
from .heard import Decision, Heard, speech_stretches
from .intervals import Share
from .items import AMBIGUOUS, INTERRUPTION, LABELS, Call, Clip, LabelledEvent, WordOverlap
from .judge import BenchSettings, best_label
from .manifest import Item, Manifest, ManifestError, SkippedLine, read_manifest
from .outcome import Outcome, Verdict
from .rules import Baseline, MinWordsRule, SpeechDurationRule, WordListRule, default_baselines
from .run_bench import run_bench, work_on
from .scene import LEAD_IN, SceneMaker, SceneOptions, active_level, over_telephone, read_at_analysis_rate
from .system_score import IN_TIME, SetScore, SystemScore, confirmed_by

__all__ = [
    "AMBIGUOUS",
    "INTERRUPTION",
    "IN_TIME",
    "LABELS",
    "LEAD_IN",
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
    "SetScore",
    "Share",
    "ShippedGates",
    "SkippedLine",
    "SpeechDurationRule",
    "SweepPoint",
    "SystemScore",
    "Verdict",
    "WordListRule",
    "WordOverlap",
    "active_level",
    "bench_tables",
    "best_label",
    "check_plot_folder",
    "confirmed_by",
    "default_baselines",
    "gate_sentence",
    "over_telephone",
    "plot_bench",
    "read_at_analysis_rate",
    "read_manifest",
    "run_bench",
    "speech_stretches",
    "work_on",
]
