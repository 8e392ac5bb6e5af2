# shellcheck shell=bash
# Sourced by deploy/quickstart and tests/run. Finds out what is missing and installs it; builds under a lock.
# The caller sets CUSTODY_CLONE (the clone's folder, absolute) and CUSTODY_NO_INSTALL (1: change nothing). All messages go to standard error.

readonly CUSTODY_EXIT_MISSING=3
readonly CUSTODY_OLDEST_NODE=18

custody_say() { printf '%s\n' "$*" >&2; }
custody_fail() { custody_say "error: $*"; exit 1; }

# Names in package lists: a line each, # starts a comment.
custody_listed_packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' -- "$@"; }

# Prints the packages of the lists that are not installed, and those that bring node and npm when these commands are not there.
custody_missing_packages() {
  local names name status
  local -A installed=()
  mapfile -t names < <(custody_listed_packages "$@")
  while read -r name status; do
    [ "$status" != installed ] || installed[$name]=1
  done < <([ "${#names[@]}" -eq 0 ] || dpkg-query -W -f='${Package} ${db:Status-Status}\n' -- "${names[@]}" 2>/dev/null)
  for name in "${names[@]}"; do
    [ -n "${installed[$name]:-}" ] || printf '%s\n' "$name"
  done
  command -v node >/dev/null || printf 'nodejs\n'
  command -v npm >/dev/null || printf 'npm\n'
}

custody_node_is_recent() {
  node -e "process.exit(Number(process.versions.node.split('.')[0]) < $CUSTODY_OLDEST_NODE ? 1 : 0)"
}

custody_npm_is_current() {
  command -v node >/dev/null && node "$CUSTODY_CLONE/deploy/npm/installed.mjs" 2>/dev/null
}

# Runs a command as root, with the environment that apt wants.
custody_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

custody_can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

custody_apt() {
  custody_as_root env LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

# `apt-get update` does not wait for another apt: try again while its lock is taken.
custody_apt_update() {
  local attempt output
  for attempt in $(seq 1 60); do
    if output=$(custody_apt update 2>&1); then return 0; fi
    case $output in
      *"Could not get lock"* | *"Unable to lock"*) custody_say "waiting for another apt to finish ($attempt of 60)" ;;
      *) break ;;
    esac
    sleep 5
  done
  printf '%s\n' "$output" >&2
  return 1
}

# need_packages LIST...: installs what is missing of the Debian packages in the list files.
need_packages() {
  local missing
  command -v dpkg-query >/dev/null || custody_fail "this is no Debian system (no dpkg-query); needed are the packages in $*"
  mapfile -t missing < <(custody_missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  custody_can_be_root ||
    custody_fail "Debian packages are missing, and installing needs root or sudo; as root run: apt-get install --no-install-recommends ${missing[*]}"
  custody_say "installing Debian packages: ${missing[*]}"
  custody_apt_update || custody_fail "apt-get update failed; its messages are above"
  custody_apt install --no-install-recommends -- "${missing[@]}" >&2 || custody_fail "apt-get install failed; its messages are above"
}

# need_npm: brings deploy/npm/node_modules to the state of the lockfile, without running any package's scripts.
need_npm() {
  custody_node_is_recent || custody_fail "node $(node --version) is too old: $CUSTODY_OLDEST_NODE or newer is needed"
  custody_npm_is_current && return 0
  custody_say "installing npm packages into deploy/npm/node_modules (npm ci --ignore-scripts)"
  (cd "$CUSTODY_CLONE/deploy/npm" && npm ci --ignore-scripts --no-audit --no-fund >&2 </dev/null) ||
    custody_fail "npm ci failed; its messages are above"
}

# need_all LIST...: packages and npm packages; with CUSTODY_NO_INSTALL=1 names what is missing and exits 3 instead, having changed nothing.
need_all() {
  local missing
  if [ "${CUSTODY_NO_INSTALL:-0}" = 1 ]; then
    mapfile -t missing < <(custody_missing_packages "$@")
    if command -v node >/dev/null && ! custody_node_is_recent; then missing+=("node $CUSTODY_OLDEST_NODE or newer (found $(node --version))"); fi
    custody_npm_is_current || missing+=("deploy/npm/node_modules (npm ci --ignore-scripts)")
    [ "${#missing[@]}" -eq 0 ] && return 0
    custody_say "missing, and --no-install was given:"
    printf '  %s\n' "${missing[@]}" >&2
    exit "$CUSTODY_EXIT_MISSING"
  fi
  need_packages "$@"
  with_build_lock need_npm
}

# with_build_lock COMMAND...: runs it while holding build/.lock, so that two starts in one clone do not build at the same time.
with_build_lock() {
  local lock status=0
  mkdir -p -- "$CUSTODY_CLONE/build"
  exec {lock}>"$CUSTODY_CLONE/build/.lock"
  if ! flock --nonblock "$lock"; then
    custody_say "waiting for another build in this clone (build/.lock)"
    flock "$lock"
  fi
  # The command does not inherit the descriptor: whatever it leaves running must not keep the lock.
  "$@" {lock}>&- || status=$?
  exec {lock}>&-
  return "$status"
}

# custody_build PRESET TARGET...: configures when needed and builds, with progress on standard error and in build/PRESET/build.log.
custody_build() {
  local preset=$1 folder="$CUSTODY_CLONE/build/$1" status=0
  shift
  mkdir -p -- "$folder"
  custody_keep_ccache_inside
  : >"$folder/build.log"
  custody_say "building preset $preset (log: $folder/build.log)"
  if [ ! -e "$folder/build.ninja" ] || [ "$CUSTODY_CLONE/CMakePresets.json" -nt "$folder/build.ninja" ]; then
    custody_logged "$folder/build.log" cmake -S "$CUSTODY_CLONE" --preset "$preset" || status=$?
  fi
  [ "$status" -ne 0 ] || NINJA_STATUS='[%f/%t, %es] ' custody_logged "$folder/build.log" ninja -C "$folder" -j "$(nproc)" "$@" || status=$?
  [ "$status" -eq 0 ] || custody_fail "the build failed (preset $preset); its output is in $folder/build.log"
}

# custody_logged LOG COMMAND...: its output goes to standard error and is added to LOG. The command ends when this shell does, even by SIGKILL
# (ninja ends its compilers on SIGTERM), and runs in the background so that a trap is obeyed at once and not after it.
custody_logged() {
  local log=$1 output writer status=0
  shift
  exec {output}> >(tee -a -- "$log" >&2)
  writer=$!
  setpriv --pdeathsig TERM -- "$@" >&"$output" 2>&1 {output}>&- </dev/null &
  CUSTODY_BUILD_PID=$!
  exec {output}>&-
  wait "$CUSTODY_BUILD_PID" || status=$?
  CUSTODY_BUILD_PID=
  wait "$writer"
  return "$status"
}

# For traps: ends what custody_logged runs, and waits for it.
custody_stop_build() {
  [ -n "${CUSTODY_BUILD_PID:-}" ] || return 0
  kill -TERM "$CUSTODY_BUILD_PID" 2>/dev/null
  wait "$CUSTODY_BUILD_PID" 2>/dev/null
}

# Who uses ccache already shares that cache; nobody gets one outside the clone from us.
custody_keep_ccache_inside() {
  [ -z "${CCACHE_DIR:-}" ] || return 0
  local home=${HOME:-/nonexistent}
  if [ -e "$home/.ccache" ] || [ -e "${XDG_CACHE_HOME:-$home/.cache}/ccache" ] || [ -e "${XDG_CONFIG_HOME:-$home/.config}/ccache" ]; then return 0; fi
  export CCACHE_DIR="$CUSTODY_CLONE/build/ccache" CCACHE_TEMPDIR="$CUSTODY_CLONE/build/ccache/tmp"
}
