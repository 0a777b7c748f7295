"""Pictures that cannot be read: each refused in one sentence that names its file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auxseg import images
from auxseg.errors import UserError
from auxseg.images import read_image, read_mask, read_saliency

GRADIENT = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


JPEG = encoded(Image.fromarray(np.tile(GRADIENT, (20, 20, 1))), "JPEG")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("read", [read_image, read_saliency])
def test_values_that_are_not_finite_are_refused(tmp_path, value, read):
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    values[1, 2] = value
    Image.fromarray(values).save(tmp_path / "a.tif")

    with pytest.raises(UserError, match=r"a\.tif: the image is .*\(values that are not finite\)"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_masks_without_one_index_a_pixel_are_refused(tmp_path, mode):
    Image.new(mode, (2, 2)).save(tmp_path / "a.png")

    with pytest.raises(UserError, match=rf"a\.png: a mask must be .* not mode {mode};"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty (0 bytes); copy it again."),
        (JPEG[: len(JPEG) // 2], "the image is truncated; copy or convert it again."),
        (b"not an image", "not an image that can be read; save it as JPEG or PNG."),
    ],
)
@pytest.mark.parametrize("read", [read_image, read_mask, read_saliency])
def test_an_unreadable_file_is_one_sentence(tmp_path, read, content, sentence):
    path = tmp_path / "tür 1.jpg"
    path.write_bytes(content)

    with pytest.raises(UserError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: {sentence}"


def test_a_file_cut_within_its_header_is_truncated(tmp_path):
    (path := tmp_path / "a.png").write_bytes(encoded(Image.fromarray(GRADIENT), "PNG")[:20])

    with pytest.raises(UserError, match=r"a\.png: the image is truncated; copy or convert"):
        read_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_half_a_file_of_any_kind_is_one_sentence(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    (path := tmp_path / "a").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(UserError) as caught:
        read_image(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1
    if kind in ("JPEG", "PNG", "BMP"):
        assert str(caught.value).endswith("the image is truncated; copy or convert it again.")


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"gone\.png: no such file\."):
        read_image(tmp_path / "gone.png")


def test_an_enormous_image_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 23)
    Image.fromarray(GRADIENT).save(tmp_path / "a.png")

    with pytest.raises(UserError, match=r"6 x 4 pixels are more than the limit of 23"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_never_give_another_error(tmp_path, kind):
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if kind == "BMP" else {"exif": exif}
    whole = encoded(Image.fromarray(np.tile(GRADIENT, (8, 8, 1))), kind, **options)
    refused = 0
    for _ in range(150):
        damaged = np.frombuffer(whole, dtype=np.uint8).copy()
        places = rng.integers(0, min(len(damaged), 250), 6)
        damaged[places] = rng.integers(0, 256, 6)
        (path := Path(tmp_path / "a")).write_bytes(damaged.tobytes())
        try:
            read_image(path)
        except UserError as error:
            refused += str(error).startswith(f"{path}: ")

    assert refused > 10
