"""Fuses class activation maps and coarse saliency into the first pseudo labels.

Reads:  cam.h5, saliency.h5.
Writes: round0/labels.h5: (H, W) uint8 an image: 0 background, k + 1 = class k, 255 ignored.
"""

from pathlib import Path

import cv2
import numpy as np

from auxseg.config import SeedOptions, to_json
from auxseg.ops.fusion import fuse
from auxseg.ops.saliency import from_bytes
from auxseg.runtime import progress
from auxseg.store import Header, MapReader, MapWriter, file_digest


def run(options: SeedOptions, *, cam: Path, saliency: Path, labels: Path) -> None:
    """Write round0/labels.h5; continues an interrupted run."""
    header = Header(
        "labels",
        to_json(options),
        {"cam": file_digest(cam), "saliency": file_digest(saliency)},
    )
    with (
        MapReader(cam, "cam") as cams,
        MapReader(saliency, "saliency") as saliencies,
        MapWriter(labels, header) as writer,
    ):
        missing = writer.missing(cams.ids())
        for image_id in progress(missing, "seed", len(missing)):
            salient = from_bytes(saliencies.read(image_id))
            height, width = salient.shape
            maps = cams.read(image_id).astype(np.float32)
            label = fuse(
                np.stack([cv2.resize(map_, (width, height)) for map_ in maps]),
                np.asarray(cams.map_attributes(image_id)["classes"]),
                salient if options.use_saliency else None,
                cam_threshold=options.cam_threshold,
                saliency_threshold=options.saliency_threshold,
            )
            writer.put(image_id, label)
