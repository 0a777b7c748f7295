"""Another method's CAMs for `cam.source: maps`: how far a class's logit falls under a grey patch.

    python examples/own_cams.py results/mine my-cams

reads the run's index and classifier and writes a .npy file for each training photograph.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from auxseg.datasets.index_file import read_index
from auxseg.nn.network import Classifier, normalise
from auxseg.nn.weights import load_classifier

SIDE = 32  # of the patch, pixels


@torch.inference_mode()
def occlusion_maps(classifier: Classifier, photo: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Photograph (H, W, 3) uint8 to maps (K, h, w) float32 of K classes, a value a patch."""
    height, width = photo.shape[:2]
    places = [(y, x) for y in range(0, height, SIDE) for x in range(0, width, SIDE)]
    views = np.stack([photo] * (1 + len(places)))
    for view, (y, x) in zip(views[1:], places, strict=True):
        view[y : y + SIDE, x : x + SIDE] = 127
    images = torch.from_numpy(views).permute(0, 3, 1, 2)
    logits = [classifier(normalise(part, classifier.backbone)) for part in images.split(16)]
    own = torch.cat(logits)[:, classes]
    return (own[:1] - own[1:]).T.reshape(len(classes), -(-height // SIDE), -1).numpy()


def write_maps(run: Path, folder: Path) -> None:
    """Write {image id}.npy for every training photograph; negative values count as 0 later."""
    classifier, _ = load_classifier(run / "classifier" / "weights.safetensors")
    for entry in read_index(run / "index.h5").split("train"):
        maps = occlusion_maps(classifier, entry.photograph(), np.flatnonzero(entry.labels))
        target = folder / f"{entry.id}.npy"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, maps)


if __name__ == "__main__":
    write_maps(Path(sys.argv[1]), Path(sys.argv[2]))
