"""Compile the kernels of search and proofs, which numba keeps on disk, before several processes do it side by side."""

import torch
from torch import nn

from blindspots import certified_radius, minimum_distortion

NETWORKS = (
    nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
    nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Sigmoid(), nn.Linear(20, 10)),
    nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)),
    nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Tanh(), nn.Linear(20, 100)),
)

for dtype in (torch.float32, torch.float64):
    images = torch.rand(6, 1, 8, 8, dtype=dtype)
    for network in NETWORKS:
        model = network.to(dtype)
        labels = model(images).argmax(dim=1)
        for rule in ("nearest", "random"):
            for method in ("auto", "lbfgs-norm"):
                minimum_distortion(model, images, labels, rule=rule, method=method)
    rectified = NETWORKS[2]
    certified_radius(rectified, images, rectified(images).argmax(dim=1), method="exact")
