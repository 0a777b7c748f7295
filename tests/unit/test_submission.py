import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg.datasets.index_file import Entry, Index, read_index, write_index
from auxseg.datasets.voc import VOC_CLASSES
from auxseg.errors import UserError
from auxseg.store import Header, MapWriter, file_digest
from auxseg.submission import FOLDER, check_submission, write_submission
from tests.damage import with_a_flipped_bit

CLASSES = ("cat", "person")
CAT, PERSON = (VOC_CLASSES.index(name) + 1 for name in CLASSES)
SIZES = {"2008_000006": (3, 5), "2008_000011": (4, 2)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An index of two test images, and predictions of them in two variants."""
    entries = []
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height)).save(tmp_path / f"{name}.jpg")
        entries.append(
            Entry(name, "test", tmp_path / f"{name}.jpg", height, width, np.zeros(2, bool), None)
        )
    index(tmp_path, CLASSES, entries)
    predictions(tmp_path, "test")
    return tmp_path


def index(folder: Path, classes: tuple[str, ...], entries: list[Entry]) -> None:
    palette = ((0, 0, 0),) * (len(classes) + 1)
    write_index(folder / "index.h5", Header("index"), Index(classes, palette, tuple(entries)))


def predictions(folder: Path, split: str) -> None:
    own = {"variants": ["single", "multiscale+crf"], "split": split}
    inputs = {"index": file_digest(folder / "index.h5")}
    header = Header("predictions", inputs=inputs, extra=own)
    with MapWriter(folder / "predictions.h5", header) as writer:
        for name, size in SIZES.items():
            planes = np.zeros((2, *size), dtype=np.uint8)
            planes[1, 0], planes[1, 1] = 1, 2
            writer.put(name, planes)


def write(folder: Path, variant: str = "multiscale+crf") -> str:
    return write_submission(
        folder / "predictions.h5", folder / "out.tar.gz", folder / "index.h5", variant
    )


def repack(folder: Path, changed: dict[str, bytes | None]) -> Path:
    """The archive with some members' content changed; None leaves one out."""
    with tarfile.open(folder / "out.tar.gz") as tar:
        content = {m.name: tar.extractfile(m).read() for m in tar}
    with tarfile.open(folder / "changed.tar.gz", "w:gz") as tar:
        for name, data in (content | changed).items():
            if data is not None:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return folder / "changed.tar.gz"


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_archive_has_a_palette_png_of_every_test_image_in_vocs_indices(run):
    told = write(run)

    assert told.endswith("out.tar.gz: 2 masks, multiscale+crf")
    with tarfile.open(run / "out.tar.gz") as tar:
        assert tar.getnames() == [f"{FOLDER}/{name}.png" for name in SIZES]
        for name, (height, width) in SIZES.items():
            picture = Image.open(tar.extractfile(f"{FOLDER}/{name}.png"))
            assert (picture.mode, picture.size) == ("P", (width, height))
            assert picture.getpalette()[3 * CAT : 3 * CAT + 3] == [64, 0, 0]
            values = np.asarray(picture)
            assert (values[0] == CAT).all()
            assert (values[1] == PERSON).all()
            assert (values[2:] == 0).all()


def test_the_same_predictions_give_the_same_bytes(run):
    write(run)
    first = (run / "out.tar.gz").read_bytes()
    write(run)

    assert (run / "out.tar.gz").read_bytes() == first


def test_predictions_of_scaled_images_are_submitted_at_the_images_size(run):
    entries = [
        Entry(name, "test", run / f"{name}.jpg", h * 2, w * 2, np.zeros(2, bool), None)
        for name, (h, w) in SIZES.items()
    ]
    index(run, CLASSES, entries)
    own = {"variants": ["multiscale+crf"], "split": "test"}
    inputs = {"index": file_digest(run / "index.h5")}
    header = Header("predictions", inputs=inputs, extra=own)
    with MapWriter(run / "predictions.h5", header) as writer:
        for entry in entries:
            writer.put(entry.id, np.ones((1, *entry.size), dtype=np.uint8))

    assert write(run).endswith("2 masks, multiscale+crf")


def test_predictions_made_with_another_index_are_refused(run):
    index(run, CLASSES[::-1], list(read_index(run / "index.h5").entries))

    with pytest.raises(UserError, match=r"predictions\.h5: made with another index than"):
        write(run)


def test_predictions_of_another_split_are_refused(run):
    predictions(run, "val")

    with pytest.raises(UserError, match=r"predictions of split 'val'; run `auxseg predict --split"):
        write(run)
    assert not (run / "out.tar.gz").exists()


def test_an_unknown_variant_is_answered_with_the_known_ones(run):
    with pytest.raises(UserError, match="no variant 'crf'; it has single, multiscale\\+crf"):
        write(run, "crf")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("2008_000006", None, "2008_000006.png: missing"),
        ("2008_000007", b"", "2008_000007.png: not the mask of a test image"),
        ("2008_000006", b"no", "2008_000006.png: not a PNG"),
        ("2008_000006", png(np.zeros((3, 5, 3), np.uint8)), "mode RGB, where one index"),
        ("2008_000006", png(np.zeros((5, 3), np.uint8)), "3 x 5 pixels, the image 5 x 3"),
        ("2008_000006", png(np.full((3, 5), 255, np.uint8)), "index 255, where 0 to 20"),
    ],
)
def test_the_check_names_what_the_server_would_refuse(run, name, content, fault):
    write(run)

    with pytest.raises(UserError, match="would be refused or score wrongly: 1 fault") as caught:
        check_submission(repack(run, {f"{FOLDER}/{name}.png": content}), run / "index.h5")
    assert fault in str(caught.value)


@pytest.mark.parametrize("inside", [False, True], ids=["packed", "before it is packed"])
def test_a_damaged_archive_is_one_sentence(run, inside):
    write(run)
    path = run / "out.tar.gz"
    whole = gzip.decompress(path.read_bytes()) if inside else path.read_bytes()
    refused, tried = 0, range(3, 8 * min(len(whole), 700), 8)
    for place in tried:
        damaged = with_a_flipped_bit(whole, place)
        path.write_bytes(gzip.compress(damaged, 1) if inside else damaged)
        try:
            check_submission(path, run / "index.h5")
        except UserError:
            refused += 1
    assert refused > len(tried) / 4


def test_a_size_beyond_all_bounds_is_one_sentence(run):
    write(run)
    tar = bytearray(gzip.decompress((run / "out.tar.gz").read_bytes()))
    tar[124:136] = b"\x80" + b"\x7f" * 11  # the size of the first member
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    (run / "out.tar.gz").write_bytes(gzip.compress(bytes(tar)))

    with pytest.raises(UserError, match=r"out\.tar\.gz: "):
        check_submission(run / "out.tar.gz", run / "index.h5")


def test_a_file_that_is_no_archive_is_one_sentence(run):
    (run / "out.tar.gz").write_bytes(b"nonsense")

    with pytest.raises(UserError, match=r"out\.tar\.gz: not a \.tar\.gz that can be read"):
        check_submission(run / "out.tar.gz", run / "index.h5")
