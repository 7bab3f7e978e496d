"""Searches the options that suit a microphone, on labelled recordings."""

from .front_end import TuneSettings
from .material import check_counts, check_material
from .parallel_recordings import ParallelRecordings, prepare_recordings
from .search_space import SearchSpace
from .selection import LEAST_FOLDS, Candidate, Gain, TuneResult
from .study import check_storage
from .tally import Objective, Tally
from .tuned_profile import TuneScores, score, tuned_profile
from .tuner import Tuner

__all__ = [
    "LEAST_FOLDS",
    "Candidate",
    "Gain",
    "Objective",
    "ParallelRecordings",
    "SearchSpace",
    "Tally",
    "TuneResult",
    "TuneScores",
    "TuneSettings",
    "Tuner",
    "check_counts",
    "check_material",
    "check_storage",
    "prepare_recordings",
    "score",
    "tuned_profile",
]
