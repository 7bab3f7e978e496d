"""Runs the command line: `python -m prosody_gate`."""

from .cli import main

if __name__ == "__main__":
    main()
