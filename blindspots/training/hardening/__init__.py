"""Training with pools of adversarial examples, one for each layer's output (section 1 of the paper), and its rivals.

"We have successfully trained a two layer 100-100-10 network with a test error below 1.2% by keeping a pool of
adversarial examples a random subset of which is continuously replaced by newly generated adversarial examples and which
is mixed into the original training set all the time."

- ``parts.py``: a fully connected network below a layer and above it
- ``perturbing.py``: what is added to a layer's activations; ``fresh.py``: the same, anew for each minibatch
- ``schedule.py``: which slots and examples a round replaces; ``pool.py``: the slots; ``refreshing.py``: who makes them
- ``dropout.py``: dropped values, and the limit of a unit's weights
- ``preimage.py``: how near an image comes to the activations in a pool, and how little one has to change for that
- ``keeping.py``: the pools of a training from round to round, whatever trains the network
- ``mixture.py``: the loss of a minibatch with all of that, for :func:`blindspots.training.minibatches.epochs`
- ``full_batch.py``, ``rounds.py``: the loss of all images and pools of a round, and L-BFGS on it, round after round
"""
