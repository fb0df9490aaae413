"""Layers that no constant bounds over all inputs, whatever their weights: which they are, and why."""

from torch import nn

_ATTENTION = (
    "attention has no Lipschitz constant over all inputs: it weighs its values by products of queries and keys, and "
    "both grow with the input (Kim, Papamakarios and Mnih, 2021); blindspots.minimum_distortion searches instead"
)
_PRODUCT = (
    "the product of two tensors that depend on the input, as in attention: it grows with their squares, and no "
    "constant bounds it; blindspots.minimum_distortion searches instead"
)

_LAYERS = (
    *(nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoder, nn.TransformerEncoderLayer),
    *(nn.TransformerDecoder, nn.TransformerDecoderLayer),
)
_CALLS = ("scaled_dot_product_attention", "multi_head_attention_forward", "_native_multi_head_attention")
_PRODUCTS = ("matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "mv", "dot", "baddbmm", "addmm", "einsum", "tensordot")


def why_unbounded(layer: nn.Module | str, *, sources: int = 1) -> str:
    """Return why no constant bounds ``layer``, a module or the name of a function; nothing where that is not known.

    ``sources``: how many different tensors that depend on the network's input it reads.
    """
    if isinstance(layer, _LAYERS) or layer in _CALLS:
        return _ATTENTION
    return _PRODUCT if layer in _PRODUCTS and sources > 1 else ""
