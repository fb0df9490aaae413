"""Least distortions of images: the search for them, what bounds them, and the noise they are held against."""
