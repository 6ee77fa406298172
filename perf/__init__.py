"""Measurements: what tritorch costs, beside torch and NumPy in the same run."""
