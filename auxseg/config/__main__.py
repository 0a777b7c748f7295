"""`python -m auxseg.config` prints the JSON schema of config.yaml."""

from auxseg.config import schema

print(schema(), end="")
