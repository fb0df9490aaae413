"""Commands of ``blindspots`` that do none of a study's work, but look into a store or fetch; a file a kind.

Each file has a ``commands``, which the command line takes its commands from.
"""
