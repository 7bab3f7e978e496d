"""Records the overlaps of a call into a folder that `bench`, `label`, `tune` and `page` take as it is."""

from .overlap_line import FORMAT, NEIGHBOUR, RecordedOverlap, RecordingError, label_of, read_line
from .recorder import AgentAudio, OverlapRecorder, RecordCounts
from .recording_folder import RecordingFolder, overlap_files, set_label
from .recording_writer import RecordingWriter, RecordOptions

__all__ = [
    "FORMAT",
    "NEIGHBOUR",
    "AgentAudio",
    "OverlapRecorder",
    "RecordCounts",
    "RecordOptions",
    "RecordedOverlap",
    "RecordingError",
    "RecordingFolder",
    "RecordingWriter",
    "label_of",
    "overlap_files",
    "read_line",
    "set_label",
]
