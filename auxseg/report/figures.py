"""Reads tables of figures with care: anyone's CSV may lie where one of ours is looked for."""

from pathlib import Path

import pandas as pd

from auxseg.errors import UserError
from auxseg.report.tables import SETTINGS, SUBJECTS, read_text_table

_COLUMNS = {"subject", "split", *SETTINGS, "images", "metric", "value"}


def read_figures(path: Path, *, of_rounds: bool = False) -> pd.DataFrame:
    """A metrics.csv with every cell as it stands in the file.

    Args:
        path: of the table.
        of_rounds: of all rounds, as stage report leaves it, with a column `round`.

    Raises:
        UserError: no such file, or another table.
    """
    table = read_text_table(path)
    columns = _COLUMNS | ({"round"} if of_rounds else set())
    if missing := sorted(columns - set(table.columns)):
        fault = f"it has no column {', '.join(missing)}"
    elif unknown := sorted(set(table["subject"]) - set(SUBJECTS)):
        fault = f"it has figures of {', '.join(map(repr, unknown))}"
    elif not _has_numbers(table):
        fault = "it has text where numbers are to stand"
    else:
        return table
    raise UserError(
        f"{path}: not a table of figures ({fault}); delete the file and run the stage that writes "
        f"it."
    )


def _has_numbers(table: pd.DataFrame) -> bool:
    """Whether all texts that are read as numbers are some; a value may be missing."""
    scales = [scale for cell in table["scales"] for scale in cell.split()]
    try:
        for text in (*filter(None, table["value"]), *scales):
            float(text)
    except ValueError:
        return False
    return "round" not in table or all(text.isdecimal() for text in table["round"])
