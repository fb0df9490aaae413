"""Ways of training one network that a study compares: what they are called, and the built-in studies of them."""
