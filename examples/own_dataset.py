"""A data set whose masks are coloured pictures, rewritten as the folder layout.

    python examples/own_dataset.py path/to/street-scenes my-photos

reads photos/*.jpg and coloured/*.png of the first folder and writes images/, masks/ and labels.csv
into the second. Every fifth photograph is of split val.
"""

import json
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from auxseg.images import read_image

COLOURS = {"car": (64, 0, 128), "road": (128, 64, 128), "tree": (128, 128, 0)}
UNKNOWN = (0, 0, 0)  # any other colour is background


def convert(source: Path, target: Path) -> None:
    """Write the folder layout."""
    for name in ("images", "masks"):
        (target / name).mkdir(parents=True, exist_ok=True)
    rows = ["image,labels,split"]
    for number, photo in enumerate(sorted((source / "photos").glob("*.jpg"))):
        coloured = read_image(source / "coloured" / f"{photo.stem}.png")  # (H, W, 3) uint8
        mask = np.zeros(coloured.shape[:2], dtype=np.uint8)
        for value, colour in [*enumerate(COLOURS.values(), start=1), (255, UNKNOWN)]:
            mask[(coloured == colour).all(axis=2)] = value
        shown = [name for k, name in enumerate(COLOURS, start=1) if (mask == k).any()]
        if not shown:  # nothing to be learnt from it
            continue
        shutil.copy(photo, target / "images")
        Image.fromarray(mask).save(target / "masks" / f"{photo.stem}.png")
        rows.append(f"{photo.name},{';'.join(shown)},{'val' if number % 5 == 4 else 'train'}")
    (target / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
    # The order of the masks' values, which would else be the alphabet's.
    index = {"folder": {"root": sys.argv[2], "classes": list(COLOURS)}}
    print(shlex.quote(f"index={json.dumps(index)}"))
