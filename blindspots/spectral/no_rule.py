"""The error of a layer whose Lipschitz constant nothing is known of."""

from blindspots.errors import InputError


class NoRuleError(InputError):
    """A layer has no rule: what bounds it is unknown, or nothing does. Never is it taken for 1."""
