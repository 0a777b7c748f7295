import pytest
from matplotlib.ft2font import FT2Font

from auxseg.report.fonts import font_file, writable


@pytest.mark.parametrize("name", ["horse", "Bär", "собака", "σκύλος"])
def test_letters_of_europe_are_written_in_one_font_on_every_machine(name):
    assert font_file(name).endswith("DejaVuSans.ttf")
    assert writable(name, 3) == name


def test_a_name_that_no_font_can_write_is_its_number():
    assert writable("\U0010fffd", 3) == "class 3"


def test_a_name_is_written_in_an_installed_font_that_has_its_letters_or_not_at_all():
    name = "\u72ac"  # a dog
    has_it = ord(name) in FT2Font(font_file(name)).get_charmap()

    assert writable(name, 2) == (name if has_it else "class 2")
