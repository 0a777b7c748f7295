"""The generated data set: drawn once, kept on disk in the layout of dataset: folder."""

import csv
import hashlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from auxseg.config import FolderOptions, ShapesOptions
from auxseg.datasets import folder
from auxseg.datasets.palette import index_picture
from auxseg.datasets.record import Dataset
from auxseg.datasets.shapes_animal import CLASSES
from auxseg.datasets.shapes_scene import Scene, draw_scene
from auxseg.errors import UserError

_DRAWING = 1  # counts changes of the drawing, so that kept data sets of older ones are left aside
_JPEG_QUALITY = 90


def load(options: ShapesOptions) -> Dataset:
    """Read the data set of these options, drawing it first where it is not there yet.

    Raises:
        UserError: it cannot be written.
    """
    return folder.load(FolderOptions(root=str(generate(options)), classes=CLASSES))


def generate(options: ShapesOptions) -> Path:
    """Draw the data set unless it is there; its folder, `{root}/shapes-{digest of the options}`.

    The folder appears whole or not at all; the same options give the same files.

    Raises:
        UserError: it cannot be written.
    """
    target = Path(options.root) / f"shapes-{_digest(options)}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=target.parent, ignore_cleanup_errors=True
        ) as temporary:
            drawn = Path(temporary) / target.name
            _write(drawn, options)
            _move(drawn, target)
    except OSError as error:
        raise UserError(
            f"{target}: the generated data set cannot be written ({error.strerror or error}); "
            f"mend that or set index.shapes.root to another folder."
        ) from None
    return target


def _digest(options: ShapesOptions) -> str:
    values = [_DRAWING, options.model_dump(exclude={"root"})]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def _move(drawn: Path, target: Path) -> None:
    """Rename into place; where another process was faster, its equal folder stays."""
    try:
        drawn.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _write(root: Path, options: ShapesOptions) -> None:
    for name in ("images", "masks", "saliency"):
        (root / name).mkdir(parents=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["image", "labels", "split"])
    for place, (split, count) in enumerate((("train", options.train), ("val", options.val))):
        for number in range(count):
            rng = np.random.default_rng([options.seed, place, number])
            height, width = rng.integers(options.min_size, options.max_size + 1, 2)
            scene = draw_scene(int(height), int(width), number % len(CLASSES), rng)
            name = f"{split}-{number:04d}"
            _save(root, name, scene)
            rows.writerow([f"{name}.jpg", " ".join(CLASSES[k] for k in scene.labels), split])
    (root / "labels.csv").write_text(table.getvalue(), encoding="utf-8")


def _save(root: Path, name: str, scene: Scene) -> None:
    photo = Image.fromarray(scene.image)
    photo.save(root / "images" / f"{name}.jpg", quality=_JPEG_QUALITY)
    index_picture(scene.mask).save(root / "masks" / f"{name}.png")
    Image.fromarray(scene.saliency).save(root / "saliency" / f"{name}.png")
