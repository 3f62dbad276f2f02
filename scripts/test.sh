#!/usr/bin/env bash
# Sets up, builds and runs all tests. The last line is `N passed, N failed` (and `, N skipped` where some cannot run on this machine).
#
#   scripts/test.sh [--asan] [ctest arguments…]        e.g. scripts/test.sh -L fast
#
# --asan   the torch-free tests under AddressSanitizer and UndefinedBehaviorSanitizer instead
set -euo pipefail
source "$(dirname "$0")/common.sh"

preset=release
if [ "${1:-}" = --asan ]; then
  preset=asan
  shift
fi

# A step before the tests that fails is a failure of the run, told in the same form.
stop_before_tests() {
  say "test.sh: $1"
  printf '0 passed, 1 failed\n'
  exit 1
}

# count <attribute> <file>: an attribute of the first <testsuite …> of a JUnit file.
count() {
  local value
  value=$(tr '\n' ' ' <"$2" | grep -o '<testsuite [^>]*>' | head -n 1 | sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p")
  printf '%s' "${value:-0}"
}

"$LARMOR_SOURCE/scripts/setup.sh" || stop_before_tests "set-up failed"
build "$preset" || stop_before_tests "the build failed"

folder=$LARMOR_SOURCE/build/$preset
results=$folder/test-results.xml
rm -f "$results"
code=0
(cd "$folder" && ctest --output-on-failure --no-tests=error --output-junit "$results" "$@") || code=$?
[ -s "$results" ] || stop_before_tests "ctest wrote no results"

total=$(count tests "$results")
failed=$(count failures "$results")
skipped=$(($(count skipped "$results") + $(count disabled "$results")))
summary="$((total - failed - skipped)) passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
printf '%s\n' "$summary"
exit "$code"
