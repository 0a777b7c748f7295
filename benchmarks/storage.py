"""What artifacts cost on disk, what joining shards costs, what packing photographs gains.

    python benchmarks/storage.py results/RUN

The run must be finished. Writes benchmarks/storage.md.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import pandas as pd
from measure import as_table, machine

from auxseg.datasets.index_file import Index, read_index
from auxseg.datasets.packed import PackedImages, pack, packed_beside
from auxseg.store import Header, MapReader, MapWriter, Shard, join_shards

SHARDS = 8
REPEATS = 5
COCO_TRAIN, COCO_VAL = 82_783, 40_504
"""Photographs of train2014 and val2014."""
OF_VAL = ("masks.h5", "predictions.h5")


def main(run: Path) -> None:
    """Measure on the artifacts of a run and write the page."""
    index = read_index(run / "index.h5")
    maps = [
        *(run / name for name in ("saliency.h5", "cam.h5", "masks.h5")),
        *(run / "round0" / name for name in ("labels.h5", "predictions.h5")),
        *(run / "round1" / name for name in ("labels.h5", "saliency.h5")),
    ]
    with tempfile.TemporaryDirectory() as folder:
        sizes = pd.DataFrame({str(p.relative_to(run)): size_of(p) for p in maps}).T
        joins = pd.DataFrame({p.name: joining(p, Path(folder)) for p in maps[1:4]}).T
        photos = pd.DataFrame(reading_photographs(index, Path(folder))).T
    page = document(index, sizes, joins, photos)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def size_of(path: Path) -> dict[str, float]:
    """An artifact's maps, bytes a map, and what as many as COCO needs would take."""
    with MapReader(path) as reader:
        count = len(reader)
    each = path.stat().st_size / count
    coco = COCO_VAL if path.name in OF_VAL else COCO_TRAIN
    return {"maps": count, "bytes a map": each, "GB for COCO": each * coco / 1e9}


def joining(path: Path, folder: Path) -> dict[str, float]:
    """Seconds to join shards of an artifact, copied and linked."""
    whole = folder / path.name
    with MapReader(path) as reader:
        header = Header(str(reader.attributes["kind"]))
        for shard in Shard(None, SHARDS).each():
            with MapWriter(shard.file(whole), header, shard=shard) as writer:
                for image_id in shard.take(reader.ids()):
                    values, attributes = reader.read_with_attributes(image_id)
                    writer.put(image_id, values, **attributes)

    def copied() -> None:
        join_shards(whole, header, Shard(None, SHARDS), [])

    def linked() -> None:
        with h5py.File(folder / "linked.h5", "w") as file:
            maps = file.create_group("maps")
            for part in Shard(None, SHARDS).files(whole):
                with h5py.File(part) as source:
                    for key in source["maps"]:
                        maps[key] = h5py.ExternalLink(str(part), f"/maps/{key}")

    copying = seconds(copied)
    return {
        "MB": whole.stat().st_size / 1e6,
        "copied, s": copying,
        "linked, s": seconds(linked),
        "copied, MB/s": whole.stat().st_size / 1e6 / copying,
    }


def reading_photographs(index: Index, folder: Path) -> dict[str, dict[str, float]]:
    """Photographs a second from their own files and packed, in random order."""
    pack(folder / "index.h5", "{}", index.entries, Shard(), threads=1)
    packed = PackedImages(packed_beside(folder / "index.h5"))
    order = [index.entries[i] for i in np.random.default_rng(0).permutation(len(index.entries))]

    def rate(read: Callable) -> float:
        return len(order) / seconds(lambda: [read(entry) for entry in order])

    loose = rate(lambda entry: entry.image.read_bytes())
    return {
        "own files": {"files a second": loose},
        "packed": {"files a second": rate(lambda entry: packed.content(entry.id))},
        "decoding alone": {"files a second": rate(lambda entry: entry.photograph())},
    }


def seconds(work: Callable[[], object]) -> float:
    """The median of several times."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def document(index: Index, sizes: pd.DataFrame, joins: pd.DataFrame, photos: pd.DataFrame) -> str:
    """The page."""
    widths = np.array([entry.width for entry in index.entries])
    heights = np.array([entry.height for entry in index.entries])
    return f"""# What artifacts cost on disk

`python benchmarks/storage.py results/RUN` on {machine()}; {len(index.entries)} photographs of
{np.mean(widths):.0f} x {np.mean(heights):.0f} pixels on average, {len(index.classes)} classes.
For COCO: as many maps of this size as it has photographs of the split. Times are medians of
{REPEATS}, with files in the system's cache.

{as_table(sizes)}

Joining {SHARDS} shards: the compressed bytes of each map copied into one file, against a file of
links to the shards, which must then stay where they are for ever.

{as_table(joins)}

Files of photographs a second in random order, by one process: the bytes of each photograph's own
file, or of images.h5, whose digest is checked; and, for comparison, decoding a photograph.

{as_table(photos)}
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
