import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auxseg.images import (
    fit,
    fit_mask,
    image_size,
    read_image,
    read_mask,
    read_saliency,
    scaled_size,
)

GRADIENT = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_a_colour_image_is_read_as_it_is(tmp_path):
    Image.fromarray(GRADIENT).save(tmp_path / "a.png")

    assert np.array_equal(read_image(tmp_path / "a.png"), GRADIENT)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, GRADIENT),
        (2, GRADIENT[:, ::-1]),
        (3, GRADIENT[::-1, ::-1]),
        (4, GRADIENT[::-1]),
        (5, GRADIENT.transpose(1, 0, 2)),
        (6, np.rot90(GRADIENT, -1)),
        (7, GRADIENT[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(GRADIENT)),
        (9, GRADIENT),  # not defined
    ],
)
@pytest.mark.parametrize(
    ("kind", "settings"),
    [("png", {}), ("tif", {}), ("webp", {"lossless": True}), ("jpg", {"quality": 95})],
)
def test_photographs_are_turned_upright(tmp_path, orientation, upright, kind, settings):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    Image.fromarray(GRADIENT).save(path, exif=exif, **settings)

    lost = 16 if kind == "jpg" else 0
    assert image_size(path) == upright.shape[:2]
    assert np.abs(read_image(path).astype(int) - upright).max() <= lost


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16"])
def test_a_turned_tiff_is_read_like_its_bytes(tmp_path, mode):
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = np.arange(12, dtype=np.uint16 if mode == "I;16" else np.uint8).reshape(3, 4) * 20
    image = Image.fromarray(grey) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / "a.tif", exif=exif)

    found = read_image(tmp_path / "a.tif")

    assert found.shape == (4, 3, 3)
    assert np.array_equal(found, read_image("a.tif", (tmp_path / "a.tif").read_bytes()))
    if mode == "L":
        assert found[..., 0].tolist() == np.rot90(grey, -1).tolist()


def test_odd_metadata_is_no_fault(tmp_path):
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    text_for_a_number = struct.pack("<HHI4s", 0x011A, 2, 4, b"abc")
    entries = struct.pack("<H", 2) + turned + text_for_a_number + bytes(4)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + entries
    Image.fromarray(GRADIENT).save(tmp_path / "a.png", exif=exif)
    history = PngInfo()
    history.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)
    Image.fromarray(GRADIENT).save(tmp_path / "b.png", pnginfo=history)

    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(GRADIENT, -1))
    assert np.array_equal(read_image(tmp_path / "b.png"), GRADIENT)


def test_grey_16_bit_images_keep_their_range(tmp_path):
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    swapped = Image.frombytes("I;16B", (5, 1), values.astype(">u2").tobytes())
    swapped.save(tmp_path / "b.tif")

    expected = [[0, 0, 1, 128, 255]]
    assert read_image(tmp_path / "a.png").tolist() == [[[v] * 3 for v in expected[0]]]
    assert read_saliency(tmp_path / "a.png").tolist() == expected
    assert read_saliency(tmp_path / "b.tif").tolist() == expected


def test_wide_integers_that_are_small_are_kept(tmp_path):
    for name, values in (("small", [0, 7, 255]), ("large", [0, 256, 65535])):
        Image.fromarray(np.array([values], dtype=np.int32)).save(tmp_path / f"{name}.tif")

    assert read_saliency(tmp_path / "small.tif").tolist() == [[0, 7, 255]]
    assert read_saliency(tmp_path / "large.tif").tolist() == [[0, 1, 255]]


def test_floating_maps_are_scaled_by_their_maximum(tmp_path):
    Image.fromarray(np.array([[0, 0.25, 0.5]], dtype=np.float32)).save(tmp_path / "a.tif")

    assert read_saliency(tmp_path / "a.tif").tolist() == [[0, 127, 255]]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_grey_images_become_rgb(tmp_path, kind):
    Image.new("L", (6, 4), 77).save(tmp_path / f"a.{kind}")

    assert np.array_equal(read_image(tmp_path / f"a.{kind}"), np.full((4, 6, 3), 77))


def test_images_of_two_colours_are_black_and_white(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "a.png")

    assert read_image(tmp_path / "a.png").tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert read_saliency(tmp_path / "a.png").tolist() == [[0, 255]]


def test_saliency_maps_in_colour_are_read_as_grey(tmp_path):
    Image.new("RGB", (1, 1), (90, 90, 90)).save(tmp_path / "grey.png")
    Image.new("RGB", (1, 1), (0, 255, 0)).save(tmp_path / "green.png")

    assert read_saliency(tmp_path / "grey.png").tolist() == [[90]]
    assert read_saliency(tmp_path / "green.png").tolist() == [[150]]  # 0.587 * 255


def test_palette_images_show_their_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.save(tmp_path / "a.png")

    assert read_image(tmp_path / "a.png").tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 1]]


def test_cmyk_images_become_rgb(tmp_path):
    Image.new("CMYK", (6, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)

    pixels = read_image(tmp_path / "a.jpg")

    assert pixels.shape == (4, 6, 3)
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() < 5


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path, mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.convert(mode).save(tmp_path / "a.png")

    assert read_image(tmp_path / "a.png").tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_half_transparent_pixels_are_mixed_with_white(tmp_path):
    Image.new("RGBA", (1, 1), (0, 100, 255, 51)).save(tmp_path / "a.png")

    assert read_image(tmp_path / "a.png").tolist() == [[[204, 224, 255]]]  # a fifth of it


def test_a_colour_declared_transparent_is_white(tmp_path):
    pixels = np.array([[[9, 8, 7], [1, 2, 3]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(9, 8, 7))

    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [1, 2, 3]]]


def test_masks_of_two_colours_hold_the_first_class(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "a.png")

    assert read_mask(tmp_path / "a.png").tolist() == [[0, 1]]


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """A PNG of (H, W) values in so many bits each, as Pillow writes none."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    lines = [
        b"\0" + np.packbits(np.unpackbits(row[:, None], axis=1)[:, -bits:]).tobytes()
        for row in values
    ]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"".join(lines)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_masks_of_few_bits_a_pixel_are_read_as_they_are(tmp_path, bits):
    values = (np.arange(14).reshape(2, 7) % 2**bits).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(grey_png(values, bits))

    assert np.array_equal(read_mask(tmp_path / "a.png"), values)


def test_a_size_is_scaled_down_to_its_longest_side_and_never_up():
    assert scaled_size((3000, 4000), 400) == (300, 400)
    assert scaled_size((4000, 3), 400) == (400, 1)
    assert scaled_size((300, 200), 400) == (300, 200)
    assert scaled_size((3000, 4000), None) == (3000, 4000)


def test_a_photograph_is_averaged_and_a_mask_keeps_its_indices():
    photo = np.array([[0, 100], [100, 200]], dtype=np.uint8)
    mask = np.array([[1, 1, 7, 7], [1, 1, 7, 7]], dtype=np.uint8)

    assert fit(photo, (1, 1)).tolist() == [[100]]
    assert fit_mask(mask, (1, 2)).tolist() == [[1, 7]]


def test_class_maps_are_resampled_without_inventing_classes():
    classes = np.array([[0, 255], [3, 20]], dtype=np.uint8)
    fitted = fit_mask(classes, (64, 64))
    assert np.unique(fitted).tolist() == [0, 3, 20, 255]
