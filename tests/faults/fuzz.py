"""Damaged files against every reader: `python -m tests.faults.fuzz FOLDER SEED FIRST COUNT`.

Each input is a whole file with random bytes changed, cut, doubled or moved; which one it is depends
on the seed and its number alone. A line says what came of it: `NUMBER READER OUTCOME`, where the
outcome is read, refused (by our own error), or the name of any other exception with its traceback
on stderr. The last line is the peak memory in megabytes.
"""

import random
import resource
import sys
import traceback
from pathlib import Path

from auxseg.errors import UserError
from tests.faults.whole_files import make_corpus


def damaged(content: bytes, draws: random.Random) -> bytes:
    """The content with one to four random changes."""
    changed = bytearray(content)
    for _ in range(draws.randint(1, 4)):
        place = draws.randrange(len(changed)) if changed else 0
        length = min(draws.choice([1, 1, 2, 4, 8, 64]), len(changed) - place)
        kind = draws.randrange(7)
        if kind == 0 and changed:
            changed[place] ^= 1 << draws.randrange(8)
        elif kind == 1:
            changed[place : place + length] = draws.randbytes(length)
        elif kind == 2:
            changed[place : place + length] = draws.choice([b"\xff", b"\0"]) * length
        elif kind == 3:
            del changed[place:]
        elif kind == 4:
            del changed[place : place + length]
        elif kind == 5:
            changed[place:place] = changed[place : place + length] * draws.randint(1, 50)
        else:
            numbers = [b"-1", b"99999999999", b"1e308", b"NaN", b"null", b"{}", b"[", b'"']
            changed[place : place + length] = draws.choice(numbers)
    return bytes(changed)


def main(root: Path, seed: int, first: int, count: int) -> None:
    """Read `count` inputs from number `first` on."""
    corpus = make_corpus(root)
    whole = [path.read_bytes() for _, path, _ in corpus]
    for number in range(first, first + count):
        name, path, read = corpus[number % len(corpus)]
        print(number, name, end=" ", flush=True)
        path.write_bytes(damaged(whole[number % len(corpus)], random.Random(f"{seed} {number}")))
        try:
            read(path)
        except UserError:
            outcome = "refused"
        except Exception as error:
            outcome = type(error).__name__
            traceback.print_exc()
        else:
            outcome = "read"
        print(outcome, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
