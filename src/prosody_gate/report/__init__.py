"""What a gate did with a recording, for people and machines: a table, JSON, a picture."""

from .decision_table import decision_table
from .json_report import Summary, to_json
from .timeline_plot import check_plot_path, plot_timeline

__all__ = [
    "Summary",
    "check_plot_path",
    "decision_table",
    "plot_timeline",
    "to_json",
]
