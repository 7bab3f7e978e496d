"""Searches the options that suit a microphone, on labelled recordings."""

from .front_end import TuneSettings
from .parallel_recordings import ParallelRecordings, spread
from .search_space import SearchSpace
from .tally import Objective, Tally
from .tuned_profile import TuneScores, score, tuned_profile
from .tuner import LEAST_FOLDS, Candidate, Gain, Tuner, TuneResult, check_counts, check_material, check_storage

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
    "score",
    "spread",
    "tuned_profile",
]
