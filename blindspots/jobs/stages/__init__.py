"""The jobs of every stage, each kind in its own file."""
