"""The parts of `benchmarks/fit_evidence.py`."""
