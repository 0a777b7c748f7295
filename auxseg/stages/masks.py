"""Copies true masks, where the data set has some, for figures and pictures.

No training reads them, unless `train.labels: masks` asks for that.

Reads:  index.h5 and the data set's own masks.
Writes: masks.h5: (H, W) uint8 an image that has a true mask: 0 background, k + 1 = class k, 255
        unknown.
"""

from pathlib import Path

from auxseg.config import IndexOptions, to_json
from auxseg.datasets.index_file import read_index
from auxseg.datasets.load import load_dataset
from auxseg.datasets.record import mask_faults
from auxseg.errors import UserError, listing
from auxseg.images import fit_mask
from auxseg.runtime import progress
from auxseg.store import Header, MapWriter, file_digest


def run(options: IndexOptions, *, index: Path, masks: Path) -> None:
    """Write masks.h5, or list all faults of the masks and write nothing."""
    table = read_index(index)
    entries = {entry.id: entry for entry in table.entries}
    records = [r for r in load_dataset(options).records if r.mask is not None and r.id in entries]
    faults: list[str] = []
    header = Header("masks", to_json(options.narrowed()), {"index": file_digest(index)})
    # Files have no digest, so masks of an interrupted run may be those of other files.
    with MapWriter(masks, header, resume=False) as writer:
        for record in progress(records, "masks", len(records)):
            assert record.mask is not None
            entry = entries[record.id]
            try:
                mask = record.mask()
            except UserError as error:
                faults.append(str(error))
                continue
            found = mask_faults(record.id, mask, entry.full_size(), len(table.classes))
            if not found:
                writer.put(record.id, fit_mask(mask, entry.size))
            faults += found
        if faults:
            raise listing(faults, "the true masks cannot be used")
