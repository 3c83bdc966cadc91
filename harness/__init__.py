"""Harnesses: each a command with a seed, a bound on its time, and one line of figures at its end.

`python -m harness` lists them. The short forms run in tests/robustness.
"""
