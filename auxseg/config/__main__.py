"""`python -m auxseg.config` prints the JSON schema of config.yaml, `--markdown` docs/config.md."""

import argparse

from auxseg.config import schema
from auxseg.config.page import markdown_page

parser = argparse.ArgumentParser(prog="python -m auxseg.config", description=__doc__)
parser.add_argument("--markdown", action="store_true", help="the page of all keys instead")
print(markdown_page() if parser.parse_args().markdown else schema(), end="")
