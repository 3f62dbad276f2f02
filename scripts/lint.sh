#!/usr/bin/env bash
# Checks formatting and runs clang-tidy on C++ files that differ from a base, with their headers.
#
#   scripts/lint.sh [--all | --base REVISION] [folder or file…]     default base: main, or the last commit when HEAD is main
#
# Needs what scripts/setup.sh installs, and clang-format and clang-tidy.
set -euo pipefail
source "$(dirname "$0")/common.sh"
cd "$LARMOR_SOURCE"

for tool in clang-format clang-tidy; do
  command -v "$tool" >/dev/null || fail 2 "$tool is missing; run as root: apt-get install -y --no-install-recommends clang-format clang-tidy"
done

base="" all=no paths=()
while [ $# -gt 0 ]; do
  case $1 in
    --all) all=yes ;;
    --base)
      base=${2:?revision}
      shift
      ;;
    -*) fail 2 "unknown argument '$1'; allowed: --all, --base REVISION" ;;
    *)
      [ -e "$1" ] || fail 2 "no file or folder '$1'"
      paths+=("$1")
      ;;
  esac
  shift
done
if [ -z "$base" ]; then
  base=main
  [ "$(git rev-parse HEAD)" != "$(git rev-parse --verify --quiet main || true)" ] || base=HEAD~1
fi

# list_files <ending…>: below the paths that were given, all or changed ones.
list_files() {
  local ending
  { if [ "$all" = yes ]; then
    git ls-files -- "${paths[@]}"
  else
    git diff --name-only --diff-filter=d "$(git merge-base "$base" HEAD)" -- "${paths[@]}"
    git ls-files --others --exclude-standard -- "${paths[@]}"
  fi; } | sort -u | while read -r file; do
    for ending in "$@"; do
      [[ $file != *"$ending" ]] || printf '%s\n' "$file"
    done
  done
}

failed=0
mapfile -t formatted < <(list_files .cpp .h .cu .cuh)
if [ ${#formatted[@]} -gt 0 ]; then
  clang-format --dry-run --Werror "${formatted[@]}" || failed=1
fi

database=build/lint
cmake --preset lint --log-level=ERROR >/dev/null || fail 1 "cmake --preset lint failed"
# Only units that the build knows: tests of parts that are not built on this machine have no command. Units with ITK are left out,
# because its headers refuse Debian's clang.
mapfile -t units < <(list_files .cpp | while read -r file; do
  grep -qF "\"$LARMOR_SOURCE/$file\"" "$database/compile_commands.json" || continue
  grep -q '#include [<"]itk' "$file" && say "$file: not examined, it includes ITK" || printf '%s\n' "$file"
done)
if [ ${#units[@]} -gt 0 ]; then
  printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$database" --quiet --extra-arg=-Wno-unknown-warning-option \
    2> >(grep -v ' warnings\? \(and .* \)\?generated\|^Suppressed\|^Use -header-filter' >&2 || true) || failed=1
fi
if [ ${#formatted[@]} -eq 0 ] && [ ${#units[@]} -eq 0 ]; then
  say "nothing differs from the base, so nothing was examined; --all examines everything"
  exit 0
fi
printf '%d files formatted, %d units examined: %s\n' "${#formatted[@]}" "${#units[@]}" "$([ $failed -eq 0 ] && echo clean || echo 'see above')"
exit $failed
