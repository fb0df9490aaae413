"""Trainings with pools that others make, and what became of hardened networks."""
