"""A network that segments within milliseconds, and photographs for it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from auxseg.datasets.palette import voc_palette
from auxseg.nn.network import build_network, normalise
from auxseg.nn.weights import save_weights

MODEL: dict[str, Any] = {
    "backbone": "test_efficientnet",
    "dense_channels": 8,
    "affinity": "none",
    "freeze_batch_norm": False,
}
CLASSES = ("cat", "dog", "horse")


def noise(size: tuple[int, int] = (72, 56), seed: int = 0) -> Image.Image:
    """A picture of coarse noise; size is (width, height)."""
    values = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size)


def photograph(path: Path, size: tuple[int, int] = (72, 56), seed: int = 0, mode="RGB", **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(size, seed).convert(mode).save(path, **save)
    return path


def tensor(*images: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(i) for i in images]).transpose(0, 3, 1, 2).copy())


def save_network(path: Path, classes: tuple[str, ...] = CLASSES) -> Path:
    """A random network that tells pixels apart, and learnt on photographs of 80 pixels, it says."""
    torch.manual_seed(0)
    network = build_network(num_classes=len(classes), **MODEL).train()
    with torch.no_grad():
        for _ in range(30):  # settles batch norm
            network(normalise(tensor(*(noise(seed=s) for s in range(8))), network.backbone))
    description = {
        "kind": "network",
        "classes": classes,
        "palette": voc_palette(len(classes) + 1),
        "longest_side": 80,
        "model": MODEL,
    }
    save_weights(path, network, description)
    return path
