"""Fused kernels, authored in the language of operators: see docs/tutorial.md."""
