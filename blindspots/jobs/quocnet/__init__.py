"""The training of a QuocNet's stage as parts for workers, which meet in the store.

- ``work.py``: what a stage's training is of, and where its files lie
- ``inputs.py``: squares of pictures, whitened, and through the stages before
- ``parts.py``: what a worker does of a tile or of pictures held out
- ``replicas.py``: the same of a part of every minibatch, where several workers share one
- ``training.py``: the order of it all, from checkpoint to checkpoint
"""
