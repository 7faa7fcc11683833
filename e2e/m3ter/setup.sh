#!/usr/bin/env bash
# Installs the vendor's Python SDK, pinned, into .venv of this folder.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
