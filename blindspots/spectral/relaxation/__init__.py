"""Networks that are linear in pieces, bounded by linear forms within a ball and the box together.

How far an image must be moved at the least before a network of rectifiers misreads it, as nearly as it can be told.
From the ground up:

- ``maps.py``, ``layers.py``, ``pooling.py``, ``reading.py``: a model's graph as linear maps and rectifications
  (``pieces.py``, which also says what rounding may come to)
- ``ball.py``, ``fused_ball.py``: the least of a linear form over a ball and the box, exactly
- ``backward.py``: linear bounds of a network's values; ``ranges.py``: of every rectifier's input; ``slopes.py``: of the
  leads, as good as a search finds them; ``own_rounding.py``: what the model's dtype may put logits off
- ``misread.py``: the nearest misread images that a descent finds
- ``branching.py``, ``linear_parts.py``: branch and bound; ``radius.py``: the largest radius that is proved
"""
