"""What a round of a run made of its first training photograph, as a picture of four.

    python examples/look_at_a_run.py results/mine 2 picture.png

shows the photograph, its class activation map, round 2's labels, and round 2's segmentation.
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from auxseg.datasets.index_file import read_index
from auxseg.report.palette import overlay_classes
from auxseg.segmenter import load_segmenter
from auxseg.store import MapReader


def look(run: Path, round_folder: Path) -> Figure:
    """The four as one figure."""
    index = read_index(run / "index.h5")
    entry = index.split("train")[0]
    photo = entry.photograph()  # (H, W, 3) uint8
    with MapReader(run / "cam.h5") as cams, MapReader(round_folder / "labels.h5") as labels:
        heat = cams.read(entry.id).max(axis=0)  # the largest of its classes, (h, w) float16
        label = labels.read(entry.id)  # (H, W) uint8
    segmentation = load_segmenter(round_folder / "weights.safetensors")(photo)  # (H, W) uint8

    figure = Figure(figsize=(12, 3), layout="constrained")
    pictures = {
        "photograph": photo,
        "class activation map": heat.astype(float),
        "labels": overlay_classes(photo, label, index.palette),
        "segmentation": overlay_classes(photo, segmentation, index.palette),
    }
    for axis, (title, picture) in zip(figure.subplots(1, 4), pictures.items(), strict=True):
        axis.imshow(picture)
        axis.set(title=title, xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    run_folder, number, target = sys.argv[1:]
    look(Path(run_folder), Path(run_folder) / f"round{number}").savefig(target)
