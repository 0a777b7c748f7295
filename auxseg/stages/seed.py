"""The first pseudo labels: class activation maps fused with coarse saliency, or another method's.

Reads:  index.h5, cam.h5 and, for seed.use_saliency, saliency.h5; or index.h5 and the PNG files in
        the folder seed.labels.
Writes: round0/labels.h5: (H, W) uint8 an image: 0 background, k + 1 = class k, 255 ignored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from auxseg.config import SeedOptions, to_json
from auxseg.datasets.index_file import Entry, read_index
from auxseg.datasets.other_methods import check_folder, find_all, index_picture_of, read_labels
from auxseg.errors import UserError
from auxseg.ops.fusion import fuse
from auxseg.ops.saliency import from_bytes
from auxseg.runtime import progress
from auxseg.store import Header, MapReader, MapWriter, file_digest

LabelOf = Callable[[Entry], np.ndarray]


def run(
    options: SeedOptions,
    *,
    index: Path,
    labels: Path,
    cam: Path | None = None,
    saliency: Path | None = None,
) -> None:
    """Write round0/labels.h5; continues an interrupted run."""
    entries = {entry.id: entry for entry in read_index(index).split("train")}
    inputs = {"index": file_digest(index)}
    if options.labels is not None:
        source = _from_files(Path(options.labels), list(entries.values()))
    elif cam is None:
        raise UserError("seed needs --cam, unless seed.labels names a folder.")
    elif options.use_saliency and saliency is None:
        raise UserError("seed needs --saliency, unless seed.use_saliency is false.")
    else:
        used = {"cam": cam, "saliency": saliency if options.use_saliency else None}
        inputs |= {name: file_digest(path) for name, path in used.items() if path is not None}
        source = _by_fusion(cam, used["saliency"], options)
    header = Header("labels", to_json(options.narrowed()), inputs)
    # Files have no digest, so maps of an interrupted run may be those of other files.
    resume = options.labels is None
    with source as label_of, MapWriter(labels, header, resume=resume) as writer:
        missing = writer.missing(entries)
        for image_id in progress(missing, "seed", len(missing)):
            writer.put(image_id, label_of(entries[image_id]))


@contextmanager
def _from_files(folder: Path, entries: list[Entry]) -> Iterator[LabelOf]:
    check_folder(folder, "seed.labels")
    files = find_all(entries, partial(index_picture_of, folder), "pseudo label", str(folder))
    yield lambda entry: read_labels(files[entry.id], entry)


@contextmanager
def _by_fusion(cam: Path, saliency: Path | None, options: SeedOptions) -> Iterator[LabelOf]:
    with (
        MapReader(cam, "cam") as cams,
        MapReader(saliency, "saliency") if saliency else nullcontext() as saliencies,
    ):

        def label_of(entry: Entry) -> np.ndarray:
            salient = None
            if saliencies is not None:
                salient = from_bytes(saliencies.read(entry.id, entry.size))
            maps, about = cams.read_with_attributes(entry.id)
            return fuse(
                np.stack([cv2.resize(m, entry.size[::-1]) for m in maps.astype(np.float32)]),
                np.asarray(about["classes"]),
                salient,
                cam_threshold=options.cam_threshold,
                saliency_threshold=options.saliency_threshold,
            )

        yield label_of
