"""Figures 1 to 4, and how much of the units' coherence random directions keep."""
