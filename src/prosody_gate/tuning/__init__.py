"""Suits the gate to a microphone: measure it, search the options on labelled recordings, label recordings."""

from .objective import Objective
from .search_space import SearchSpace
from .spread_recordings import SpreadRecordings, spread
from .tally import Tally
from .tune_scores import TuneScores, score
from .tune_settings import TuneSettings
from .tuned_profile import tuned_profile
from .tuner import Candidate, Gain, Tuner, TuneResult, check_material

__all__ = [
    "Candidate",
    "Gain",
    "Objective",
    "SearchSpace",
    "SpreadRecordings",
    "Tally",
    "TuneResult",
    "TuneScores",
    "TuneSettings",
    "Tuner",
    "check_material",
    "score",
    "spread",
    "tuned_profile",
]
