"""The command line: ``tritorch info | check | bench | tune | eject``, also as ``python -m tritorch``."""
