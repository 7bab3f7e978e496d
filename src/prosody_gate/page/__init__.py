"""Pages to see, hear and label what a gate decided: one HTML file that loads nothing from anywhere."""

from .label_server import LabelServer
from .page_data import PageClip, PageData, PageError, PageItem
from .page_file import page_parts, write_page
from .page_sources import link_to, page_of_call, page_of_folder
from .report_page import page_of_report, read_bench_report, settings_of

__all__ = [
    "LabelServer",
    "PageClip",
    "PageData",
    "PageError",
    "PageItem",
    "link_to",
    "page_of_call",
    "page_of_folder",
    "page_of_report",
    "page_parts",
    "read_bench_report",
    "settings_of",
    "write_page",
]
