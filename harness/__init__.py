"""Long-running checks. Each is a command with a seed and a time limit, and ends with one line of figures.

`python -m harness` lists them. tests/harness runs them in short form.
"""
