"""Figures of pictures that a network was made to misread, and of how far at the least they had to be changed."""
