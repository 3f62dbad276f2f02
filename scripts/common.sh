# shellcheck shell=bash
# Sourced by the other scripts: where things are, and how they talk (results to stdout, talk to stderr).

LARMOR_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LARMOR_CACHE=${LARMOR_CACHE:-$HOME/.cache/larmor}
export CCACHE_DIR=${CCACHE_DIR:-$LARMOR_CACHE/ccache}

say() { printf '%s\n' "$*" >&2; }

# fail <exit code> <message>
fail() {
  local code=$1
  shift
  say "${0##*/}: $*"
  exit "$code"
}

# build <preset> [target…]: configures build/<preset> where that is needed and builds the targets (all when none is named).
build() {
  local preset=$1 targets=()
  shift
  [ $# -eq 0 ] || targets=(--target "$@")
  (cd "$LARMOR_SOURCE" && cmake --preset "$preset" --log-level=WARNING && cmake --build --preset "$preset" "${targets[@]}") >&2
}
