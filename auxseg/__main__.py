"""`python -m auxseg`: the command line, as `torchrun -m auxseg` starts it."""

from auxseg.cli import main

main()
