"""Figures of pictures that a network was made to misread."""
