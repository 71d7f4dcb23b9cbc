#!/bin/sh
# What certspan needs from Debian 12. Usage: deps.sh list | check build|test | install build|test
# check and install are silent no-ops when everything is found. Exit 69: something is missing and we may not install it.
set -eu

BUILD="gcc make pkg-config protobuf-c-compiler libssl-dev libzmq3-dev liblmdb-dev libprotobuf-c-dev libcyaml-dev libyaml-dev
 libjansson-dev libsodium-dev libseccomp-dev libmicrohttpd-dev libcurl4-openssl-dev libidn2-dev libpsl-dev libzip-dev"
TEST="libcmocka-dev python3 python3-pytest openssl curl clang clang-format libclang-rt-14-dev procps python3-yaml mandoc zsh"

missing() {
	for p in $1; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf ' %s' "$p"
	done
}

wanted() {
	case "$1" in
	build) echo "$BUILD" ;;
	test) echo "$BUILD $TEST" ;;
	*) echo "deps.sh: build or test, not '$1'" >&2; exit 64 ;;
	esac
}

case "${1:-}" in
list)
	echo "build:" $BUILD
	echo "test: " $TEST
	;;
check | install)
	command -v dpkg-query >/dev/null || exit 0 # not Debian: the compiler will tell
	need=$(missing "$(wanted "${2:-build}")")
	[ -n "$need" ] || exit 0
	if [ "$1" = install ] && [ "$(id -u)" = 0 ]; then
		echo "deps: installing$need"
		export DEBIAN_FRONTEND=noninteractive
		log=$(mktemp)
		if apt-get update >"$log" 2>&1 && apt-get install -y --no-install-recommends $need >>"$log" 2>&1; then
			rm -f "$log"
			exit 0
		fi
		tail -n 15 "$log" >&2
		echo "deps: apt-get failed; the whole output is in $log" >&2
		exit 69
	fi
	echo "certspan needs packages that are not installed. Run this line, then make again:" >&2
	echo "  sudo apt-get install -y --no-install-recommends$need" >&2
	exit 69
	;;
*)
	echo "usage: deps.sh list | check build|test | install build|test" >&2
	exit 64
	;;
esac
