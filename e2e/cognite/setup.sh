#!/usr/bin/env bash
# Installs the vendor's SDKs, pinned, into this folder: Python's into .venv, JavaScript's into node_modules.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
npm ci --no-audit --no-fund --loglevel=error
