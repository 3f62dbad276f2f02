#!/usr/bin/env bash
# Checks formatting and runs clang-tidy on C++ files that differ from a base, with their headers.
#
#   scripts/lint.sh [--all | --base REVISION]     default base: main, or the last commit when HEAD is main
#
# clang-tidy reads build/release/compile_commands.json: configure first (scripts/test.sh does).
set -euo pipefail
source "$(dirname "$0")/common.sh"
cd "$LARMOR_SOURCE"

for tool in clang-format clang-tidy; do
  command -v "$tool" >/dev/null || fail 2 "$tool is missing; run as root: apt-get install -y --no-install-recommends clang-format clang-tidy"
done

base=main
all=no
case ${1:-} in
  --all) all=yes ;;
  --base) base=${2:?revision} ;;
  "") [ "$(git rev-parse HEAD)" != "$(git rev-parse --verify --quiet main || true)" ] || base=HEAD~1 ;;
  *) fail 2 "unknown argument '$1'; allowed: --all, --base REVISION" ;;
esac

list_files() {
  if [ "$all" = yes ]; then
    git ls-files -- "$@"
  else
    { git diff --name-only --diff-filter=d "$(git merge-base "$base" HEAD)" -- "$@"; git ls-files --others --exclude-standard -- "$@"; } | sort -u
  fi
}

failed=0
mapfile -t formatted < <(list_files '*.cpp' '*.h' '*.cu' '*.cuh')
if [ ${#formatted[@]} -gt 0 ]; then
  clang-format --dry-run --Werror "${formatted[@]}" || failed=1
fi

database=build/release
[ -f "$database/compile_commands.json" ] || fail 2 "no $database/compile_commands.json; run cmake --preset release"
# Only units that the build knows: tests of parts that are not built on this machine have no command.
mapfile -t units < <(list_files '*.cpp' | while read -r file; do
  grep -qF "\"$LARMOR_SOURCE/$file\"" "$database/compile_commands.json" && printf '%s\n' "$file"
done)
if [ ${#units[@]} -gt 0 ]; then
  printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$database" --quiet --extra-arg=-Wno-unknown-warning-option \
    2> >(grep -v ' warnings\? \(and .* \)\?generated\|^Suppressed\|^Use -header-filter' >&2 || true) || failed=1
fi
printf '%d files formatted, %d units examined: %s\n' "${#formatted[@]}" "${#units[@]}" "$([ $failed -eq 0 ] && echo clean || echo 'see above')"
exit $failed
