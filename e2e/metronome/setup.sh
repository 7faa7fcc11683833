#!/usr/bin/env bash
# Installs Metronome's SDKs for Python and Node, at the versions pinned here, for the tests of this folder: into
# ../.venv/metronome, with the Python SDK's own test suite beside it, and into node/node_modules. It needs python3 (3.11
# or later) and node (20 or later) with npm. When all is in place it does nothing.
set -euo pipefail
cd "$(dirname "$0")"
venv=../.venv/metronome

# What an installation is made from. It is left behind last, so one that was cut short counts for nothing.
python_mark=$(python3 --version && cat python/requirements.txt)
node_mark=$(node --version && cat node/package-lock.json)

if [ "$(cat $venv/mark 2>/dev/null)" != "$python_mark" ]; then
	echo "installing Metronome's SDK for Python into e2e/.venv/metronome"
	rm -rf $venv
	python3 -m venv $venv
	pip() { $venv/bin/pip --quiet --disable-pip-version-check "$@"; }
	pip install --no-deps -r python/requirements.txt
	pip check
	# The wheel has no tests; the source archive of the same version has.
	sdk=$(sed -n 's/^metronome-sdk\[.*\]==/metronome-sdk==/p' python/requirements.txt)
	pip download --no-deps --no-binary metronome-sdk -d $venv/sdist "$sdk"
	mkdir $venv/suite
	tar -xzf $venv/sdist/*.tar.gz -C $venv/suite --strip-components=1 --wildcards '*/tests' '*/pyproject.toml'
	echo "$python_mark" >$venv/mark
fi

if [ "$(cat node/node_modules/mark 2>/dev/null)" != "$node_mark" ]; then
	echo "installing Metronome's SDK for Node into e2e/metronome/node/node_modules"
	npm ci --prefix node --ignore-scripts --no-audit --no-fund --silent
	echo "$node_mark" >node/node_modules/mark
fi
