"""The one exception for everything a user can mend."""

import difflib
import errno
import os
from collections.abc import Iterable

_DISK_FAULTS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.EFBIG),
    *(errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG),
}

_OPENCV_HAS_NO_MEMORY = -4  # cv2.Error.StsNoMem


class UserError(Exception):
    """A mistake in data, config or call: the message names the file or key, and the mend.

    The command line prints it without a traceback and exits with code 2.
    """


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory, of the processor or of a GPU, is full."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if getattr(error, "code", None) == _OPENCV_HAS_NO_MEMORY:
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def disk_fault(error: BaseException) -> str | None:
    """What the system says of a disk that is full, gone or forbidden; None of other errors."""
    if not isinstance(error, OSError) or error.errno not in _DISK_FAULTS:
        return None
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{os.strerror(error.errno)}"


def reason_of(error: BaseException) -> str:
    """The first line of what another library says; its error's name where it says nothing."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def listing(faults: list[str], heading: str) -> UserError:
    """One error for many faults, so that a user mends them all at once."""
    noun = "fault" if len(faults) == 1 else "faults"
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return UserError(f"{heading}: {len(faults)} {noun}\n{lines}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'horse'?)`, or nothing where no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
