#!/usr/bin/env bash
# What tests/bench/run promises without measuring anything. Argument: the script.
set -euo pipefail
run=$1

listed=$("$run" --list)
[ -n "$listed" ] || { echo "--list names nothing"; exit 1; }

status=0
said=$("$run" no_such_measure 2>&1 >/dev/null) || status=$?
[ "$status" = 2 ] || { echo "an unknown name ends with $status, not 2"; exit 1; }
while read -r name; do
  grep -qx -- "$name" <<<"$said" || { echo "the refusal does not list $name"; exit 1; }
done <<<"$listed"

status=0
printed=$("$run" no_such_measure 2>/dev/null) || status=$?
[ -z "$printed" ] || { echo "standard output is not empty: $printed"; exit 1; }
