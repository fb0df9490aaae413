"""The pools of a training in the store: made by whatever hands there are, round by round, and kept for good at its end.

- ``work.py``: what a round's part is, and a worker's making of it; ``refresher.py``: the training's side of that
- ``stored.py``: the pools as they are at the training's end, a group a layer
"""
