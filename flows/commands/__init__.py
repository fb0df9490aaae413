"""Commands of ``blindspots`` that look into a store and do none of its work, a file a kind of question.

Each file has a ``commands``, which the command line takes its commands from.
"""
