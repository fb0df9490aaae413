"""What a run is seen by in Prefect: its form and what that refuses, its name, its page, and flows that only look."""

CHECKED = "x-blindspots-study"
"""Marks, in the JSON schema of a form, that its study is looked at as a whole where a run is asked for."""
