"""A QuocNet out of a store: its weights lie there a file a tile."""

import torch

from blindspots.networks.local_filtering import encode
from blindspots.networks.quocnet import QuocNet, Whitening
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.weights import load_weights
from blindspots.study.quocnet_size import QuocNetSize
from blindspots.study.quocnet_spec import QuocNetSpec
from blindspots.training.layerwise.objective import ENCODER
from blindspots.training.layerwise.tile import tiles_of


def stored_whitening(place: Place, size: QuocNetSize) -> Whitening:
    """Return what whitens a stored QuocNet's images; raise :class:`CorruptShardError` where that is not there."""
    found = Whitening(size.channels)
    found.load_state_dict(load_weights(place, layout.quocnet_whitening()))
    return found


def stored_codes(place: Place, spec: QuocNetSpec, stage: int, inputs: torch.Tensor) -> torch.Tensor:
    """Return what the filters of a stored stage, counted from 1, give of ``inputs`` (n, channels, height, width).

    One tile's weights are held at a time, so that the network need not fit into memory.
    """
    shape = spec.shape.shapes[stage - 1]
    codes = inputs.new_empty(len(inputs), shape.maps, *shape.places)
    for tile in tiles_of(shape, *spec.tiles):
        filters = load_weights(place, layout.quocnet_tile(stage, tile.number))[ENCODER].to(inputs.device)
        seen = inputs[:, :, tile.pixels[0], tile.pixels[1]]
        codes[:, :, tile.places[0], tile.places[1]] = encode(filters, seen, stride=shape.stride)
    return codes


def stored_quocnet(place: Place, spec: QuocNetSpec) -> QuocNet:
    """Return a stored QuocNet in evaluation mode, all of it in memory.

    Raises :class:`CorruptShardError` where weights are missing or damaged.
    """
    network = QuocNet(spec.shape)
    network.whitening.load_state_dict(load_weights(place, layout.quocnet_whitening()))
    with torch.no_grad():
        for stage, (layers, shape) in enumerate(zip(network.stages, spec.shape.shapes, strict=True), 1):
            for tile in tiles_of(shape, *spec.tiles):
                layers[0].filters[tile.places] = load_weights(place, layout.quocnet_tile(stage, tile.number))[ENCODER]  # type: ignore[index]
    return network.requires_grad_(False).eval()
