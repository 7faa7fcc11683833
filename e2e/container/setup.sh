#!/usr/bin/env bash
# Makes a Debian machine ready for the tests beside this file: an engine, docker compose, the base images, an emulator of
# the other platform's processor, a judge of YAML files. Installs what is missing, as root; starts an engine when none
# answers. Safe to call again.
#
#   setup.sh          make ready
#   setup.sh --stop   end the engine that an earlier call started, and no other
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=/run/submeter-e2e
check_jsonschema=0.39.0

say() { echo "container setup: $*"; }
have() { command -v "$1" >/dev/null; }
engine_answers() { docker info >/dev/null 2>&1; }

stop_engine() {
	[[ -f $state/dockerd.pid ]] || return 0
	local pid
	pid=$(<"$state/dockerd.pid")
	if kill "$pid" 2>/dev/null; then
		timeout 60 tail --pid="$pid" -f /dev/null
		say "stopped dockerd ($pid)"
	fi
	rm -f "$state/dockerd.pid"
}

# A client of Docker 23 or newer builds with BuildKit only when it has a plugin; Debian's own needs none.
builds_with_buildkit() {
	local client
	while read -r client; do
		DOCKER_BUILDKIT=1 "$client" build --help >/dev/null 2>&1 && return
	done < <(type -ap docker)
	return 1
}

install_packages() {
	local packages=()
	{ engine_answers || have dockerd; } && builds_with_buildkit || packages+=(docker.io)
	docker compose version >/dev/null 2>&1 || have docker-compose || packages+=(docker-compose)
	have qemu-aarch64-static || packages+=(qemu-user-static)
	have busybox || packages+=(busybox-static)
	have curl || packages+=(curl)
	have ps || packages+=(procps)
	have python3 && python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
	[[ -e /etc/ssl/certs/ca-certificates.crt ]] || packages+=(ca-certificates)
	((${#packages[@]})) || return 0
	say "installing ${packages[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

start_engine() {
	engine_answers && return
	mkdir -p "$state"
	setsid dockerd >"$state/dockerd.log" 2>&1 </dev/null &
	local pid=$!
	echo "$pid" >"$state/dockerd.pid"
	for _ in {1..300}; do
		if engine_answers; then
			say "started dockerd ($pid)"
			return
		fi
		if ! kill -0 "$pid" 2>/dev/null; then
			break
		fi
		sleep 0.1
	done
	say "dockerd does not come up; it says:" >&2
	tail -n 20 "$state/dockerd.log" >&2
	return 1
}

install_judge() {
	local venv=$here/.venv
	[[ $("$venv/bin/check-jsonschema" --version 2>/dev/null) == *" $check_jsonschema" ]] && return
	python3 -m venv --clear "$venv"
	echo '*' >"$venv/.gitignore"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "check-jsonschema==$check_jsonschema"
	say "installed check-jsonschema $check_jsonschema"
}

if [[ ${1-} == --stop ]]; then
	stop_engine
	exit
fi
install_packages
start_engine
"$here/../../.ci/base-images"
install_judge
say "ready"
