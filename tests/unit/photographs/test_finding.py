"""Which photographs are meant, and what is in the way of their results."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.errors import UserError
from auxseg.photographs import find_photographs, not_read
from auxseg.photographs.results import write_result
from tests.unit.small_network import photograph


def result(folder: Path, name: str) -> None:
    """A mask of ours and its overlay."""
    label = np.zeros((4, 6), dtype=np.uint8)
    write_result(folder, name, np.zeros((4, 6, 3), dtype=np.uint8), label, ((0, 0, 0),), "key")


def faults_of(*sources: Path, output: Path) -> list[str]:
    with pytest.raises(UserError) as told:
        find_photographs(sources, output)
    return str(told.value).splitlines()[1:]


def test_folders_are_searched_and_files_taken_as_they_are(tmp_path):
    a, b = (photograph(tmp_path / "photos" / name) for name in ("a.jpg", "deep/b.png"))
    single = photograph(tmp_path / "c.webp")
    (tmp_path / "photos/notes.txt").write_text("no photograph")

    found = find_photographs([tmp_path / "photos", single], tmp_path / "out")

    assert found == {"a": a, "deep/b": b, "c": single}


@pytest.mark.parametrize("output", [".", "out", "../elsewhere"])
def test_photographs_are_found_wherever_results_go(tmp_path, output):
    photos = tmp_path / "photos"
    found = {"a": photograph(photos / "a.jpg"), "out/b": photograph(photos / "out/b.jpg")}

    assert find_photographs([photos], photos / output) == found


def test_results_of_earlier_calls_are_no_photographs_wherever_they_lie(tmp_path):
    found = {name: photograph(tmp_path / f"{name}.jpg") for name in ("a", "deep/b", "c_overlay")}
    result(tmp_path, "a")
    result(tmp_path / "former", "deep/b")

    assert find_photographs([tmp_path], tmp_path) == found
    named = sorted(tmp_path.rglob("*.jpg"))
    assert set(find_photographs(named, tmp_path).values()) == set(found.values())


def test_pictures_of_formats_that_are_not_read_are_told(tmp_path):
    photos, other = tmp_path / "photos", tmp_path / "other"
    for path in (photos / "a.jpg", other / "b.jpg"):
        photograph(path)
    for name in ("c.HEIC", "deep/d.heic", "e.avif", "notes.txt"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(b"x")
    told = "pictures of formats that are not read: 1 .avif, 2 .heic; convert them to JPEG or PNG."

    assert not_read([photos, other, photos / "a.jpg"]) == [f"{photos}: {told}"]
    (photos / "a.jpg").unlink()
    assert faults_of(photos, output=tmp_path / "out")[1:] == [f"  - {photos}: {told}"]


def test_results_alone_are_nothing_to_segment(tmp_path):
    result(tmp_path, "a")

    with pytest.raises(UserError, match="all files named are results of earlier calls"):
        find_photographs([tmp_path / "a.png"], tmp_path / "out")


def test_a_result_takes_the_place_of_results_alone(tmp_path):
    photos = [photograph(tmp_path / f"{name}.jpg") for name in ("a", "b", "c", "d")]
    out = tmp_path / "out"
    result(out, "a")
    photograph(out / "b.png")
    photograph(out / "c_overlay.jpg")
    (out / "d.png").symlink_to("nowhere")

    assert faults_of(*photos, output=out) == [
        f"  - {out}/{name}: a result would take its place; name another --output."
        for name in ("b.png", "c_overlay.jpg", "d.png")
    ]


def test_a_mask_that_another_program_wrote_anew_is_no_result(tmp_path):
    photo = photograph(tmp_path / "a.jpg")
    result(tmp_path / "out", "a")
    mask = tmp_path / "out/a.png"
    Image.fromarray(np.array(Image.open(mask))).save(mask)

    (told,) = faults_of(photo, output=tmp_path / "out")

    assert told == f"  - {mask}: a result would take its place; name another --output."


@pytest.mark.parametrize(
    "corrected",
    [
        lambda mask: mask.putpixel((2, 1), 1),
        lambda mask: mask.convert("RGB"),
        lambda mask: mask.crop((0, 0, 5, 4)),
        lambda mask: mask.resize((4, 6)),
    ],
    ids=["a pixel", "in colour", "cropped", "turned"],
)
def test_a_corrected_mask_is_no_result_though_the_editor_kept_its_text(tmp_path, corrected):
    photo, mask = photograph(tmp_path / "a.jpg"), tmp_path / "out/a.png"
    result(tmp_path / "out", "a")
    image = Image.open(mask)
    text = PngInfo()
    text.add_text("auxseg-predict", image.info["auxseg-predict"])
    (corrected(image) or image).save(mask, pnginfo=text)

    (told,) = faults_of(photo, output=tmp_path / "out")

    assert told == f"  - {mask}: a result would take its place; name another --output."
    assert find_photographs([mask], tmp_path / "elsewhere") == {"a": mask}


def test_a_damaged_mask_is_a_result_that_is_to_be_made_again(tmp_path):
    photo, mask = photograph(tmp_path / "a.jpg"), tmp_path / "out/a.png"
    result(tmp_path / "out", "a")
    mask.write_bytes(mask.read_bytes()[:-20])

    assert find_photographs([photo], tmp_path / "out") == {"a": photo}


def test_a_file_named_as_the_overlay_of_a_mask_is_no_result_without_the_key(tmp_path):
    photo, out = photograph(tmp_path / "a.jpg"), tmp_path / "out"
    result(out, "a")
    beside = photograph(out / "a_overlay.jpg")

    (told,) = faults_of(photo, output=out)

    assert told == f"  - {beside}: a result would take its place; name another --output."
    assert find_photographs([out], tmp_path / "elsewhere") == {"a_overlay": beside}


def test_a_photograph_does_not_give_way_to_its_own_mask(tmp_path):
    photo = photograph(tmp_path / "a.png")

    (told,) = faults_of(photo, output=tmp_path)

    assert told == f"  - {photo}: a result would take its place; name another --output."


def test_what_cannot_be_segmented_is_told_all_at_once(tmp_path):
    (tmp_path / "empty").mkdir()
    one = photograph(tmp_path / "one/a.jpg")
    other = photograph(tmp_path / "other/a.jpg")
    inside = photograph(tmp_path / "out/b.png")
    sources = [tmp_path / "no.jpg", tmp_path / "empty", one, other, inside]

    assert faults_of(*sources, output=tmp_path / "out") == [
        f"  - {tmp_path}/no.jpg: no such file or folder.",
        f"  - {tmp_path}/empty: holds no photograph (.jpg, .jpeg, .png, .bmp, .tif, .tiff, .webp).",
        f"  - {other}: {one} would have the same a.png; rename one.",
        f"  - {inside}: a result would take its place; name another --output.",
    ]


def test_two_photographs_of_a_folder_that_differ_in_extension_alone_are_told(tmp_path):
    one, other = photograph(tmp_path / "a.jpg"), photograph(tmp_path / "a.webp")

    (told,) = faults_of(tmp_path, output=tmp_path / "out")

    assert told == f"  - {other}: {one} would have the same a.png; rename one."


def test_accents_have_one_form_in_names_of_results(tmp_path):
    apart = photograph(tmp_path / "one" / unicodedata.normalize("NFD", "café.jpg"))
    whole = photograph(tmp_path / "other" / unicodedata.normalize("NFC", "café.jpg"))
    name = unicodedata.normalize("NFC", "café")

    assert find_photographs([apart], tmp_path / "out") == {name: apart}
    assert find_photographs([tmp_path / "one"], tmp_path / "out") == {name: apart}
    (told,) = faults_of(apart, whole, output=tmp_path / "out")
    assert told == f"  - {whole}: {apart} would have the same {name}.png; rename one."


def test_names_that_are_not_utf_8_are_told(tmp_path):
    photo = photograph(tmp_path / "photos/a.jpg")
    photo.rename(photo.with_name(os.fsdecode(b"caf\xe9.jpg")))

    told = faults_of(tmp_path / "photos", output=tmp_path / os.fsdecode(b"r\xe9sultats"))

    assert told == [
        rf"  - {tmp_path}/r\xe9sultats: its name is not UTF-8; rename it.",
        rf"  - {tmp_path}/photos/caf\xe9.jpg: its name is not UTF-8; rename it.",
    ]


@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_too_long_for_those_of_the_results_are_told(tmp_path, letter):
    size = len(letter.encode())
    overlay = len("_overlay.jpg.tmp")
    longest = photograph(tmp_path / f"{letter * ((255 - overlay) // size)}.jpg")
    longer = photograph(tmp_path / f"{letter * ((255 - overlay) // size + 1)}.jpg")
    needed = len(longer.stem.encode()) + overlay

    assert faults_of(tmp_path, output=tmp_path / "out") == [
        f"  - {longer}: its results need a name of {needed} bytes, but file systems take 255; "
        f"shorten its name."
    ]
    found = find_photographs([longest], tmp_path / "out")
    assert list(found.values()) == [longest]
    for name in found:
        result(tmp_path / "out", name)


def test_names_that_no_file_system_takes_are_told(tmp_path):
    photo, unknown = photograph(tmp_path / "a.jpg"), tmp_path / ("a" * 300)

    assert faults_of(photo, unknown, output=unknown) == [
        f"  - {unknown}: its results need a name of 300 bytes, but file systems take 255; "
        f"shorten its name.",
        f"  - {unknown}: no such file or folder.",
    ]
