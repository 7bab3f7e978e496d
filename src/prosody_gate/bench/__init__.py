"""How good and how fast: the gate and what people use today, on labelled recordings."""

from .bench_plots import check_plot_folder, plot_bench
from .bench_report import BenchReport, SweepPoint
from .bench_tables import bench_tables, gate_sentence
from .compare_reports import (
    ChangedEvent,
    ComparedSet,
    Comparison,
    ReadReport,
    ReportedEvent,
    compare_reports,
    paired_difference,
    read_report,
    read_report_fields,
)
from .evaluator import GATE, BenchSettings, Evaluator, ItemGates, best_label
from .intervals import Share
from .item_stream import ItemStream, ItemStreamReader, speech_segments
from .items import AMBIGUOUS, INTERRUPTION, LABELS, Call, Clip, Item, LabelledEvent, WordOverlap
from .manifest import Manifest, ManifestError, SkippedLine, read_manifest
from .outcome import Decision, Outcome, Verdict
from .rules import Baseline, MinWordsRule, SpeechDurationRule, WordListRule, default_baselines
from .run_bench import run_bench, work_on
from .scene import LEAD_IN, SceneMaker, SceneOptions, active_level, over_telephone, read_at_analysis_rate
from .system_score import IN_TIME, KindScore, SetScore, SystemScore, confirmed_by, is_caught, is_right
from .worst_error import WorstError, plot_worst, worst_errors, worst_lines

__all__ = [
    "AMBIGUOUS",
    "GATE",
    "INTERRUPTION",
    "IN_TIME",
    "LABELS",
    "LEAD_IN",
    "Baseline",
    "BenchReport",
    "BenchSettings",
    "Call",
    "ChangedEvent",
    "Clip",
    "ComparedSet",
    "Comparison",
    "Decision",
    "Evaluator",
    "Item",
    "ItemGates",
    "ItemStream",
    "ItemStreamReader",
    "KindScore",
    "LabelledEvent",
    "Manifest",
    "ManifestError",
    "MinWordsRule",
    "Outcome",
    "ReadReport",
    "ReportedEvent",
    "SceneMaker",
    "SceneOptions",
    "SetScore",
    "Share",
    "SkippedLine",
    "SpeechDurationRule",
    "SweepPoint",
    "SystemScore",
    "Verdict",
    "WordListRule",
    "WordOverlap",
    "WorstError",
    "active_level",
    "bench_tables",
    "best_label",
    "check_plot_folder",
    "compare_reports",
    "confirmed_by",
    "default_baselines",
    "gate_sentence",
    "is_caught",
    "is_right",
    "over_telephone",
    "paired_difference",
    "plot_bench",
    "plot_worst",
    "read_at_analysis_rate",
    "read_manifest",
    "read_report",
    "read_report_fields",
    "run_bench",
    "speech_segments",
    "work_on",
    "worst_errors",
    "worst_lines",
]
