"""Room on a disk, asked for before it is needed."""

import shutil
from pathlib import Path

from auxseg.errors import UserError


def check_room(folder: Path, needed: int, what: str) -> None:
    """Refuse what does not fit.

    Raises:
        UserError: fewer than `needed` bytes are free where the folder lies.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: {what} needs {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free; "
            f"make room or name a folder on another disk, and run the same command again."
        )
