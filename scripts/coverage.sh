#!/usr/bin/env bash
# Line coverage of the torch-free parts by their tests, per folder and in total, from gcov.
#
#   scripts/coverage.sh [ctest arguments…]
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=$LARMOR_SOURCE/build/coverage
build coverage
find "$folder" -name '*.gcda' -delete
(cd "$folder" && ctest --output-on-failure --no-tests=error "$@") >&2 || fail 1 "tests failed"

# gcov (a part of GCC) prints "File 'x'" and "Lines executed:p% of n" per source file; headers come once per unit, the best count of
# each is kept. Where ccache compiled, paths are relative to the build folder.
cd "$folder"
find . -name '*.gcda' -path '*/larmor_*' -print0 | xargs -0 gcov --no-output --preserve-paths 2>/dev/null |
  awk -v root="$LARMOR_SOURCE/" '
    /^File / {
      file = substr($0, 7, length($0) - 7)
      ours = index(file, root) == 1 || sub(/^\.\.\/\.\.\//, "", file)
      if (index(file, root) == 1) file = substr(file, length(root) + 1)
      if (file ~ /^(tests|build|\.\.)\//) ours = 0
    }
    /^No executable lines/ { ours = 0 }
    /^Lines executed/ && ours {
      split($0, part, /[:% ]+/)
      lines = part[5]
      executed = part[3] / 100 * lines
      if (!(file in total) || executed > hit[file]) { total[file] = lines; hit[file] = executed }
      ours = 0
    }
    END {
      for (file in total) {
        folder = file; sub(/\/.*/, "", folder)
        folder_total[folder] += total[file]; folder_hit[folder] += hit[file]
        all_total += total[file]; all_hit += hit[file]
        printf "%6.1f %%  %5d lines  %s\n", 100 * hit[file] / total[file], total[file], file
      }
      for (folder in folder_total) printf "%6.1f %%  %5d lines  %s/\n", 100 * folder_hit[folder] / folder_total[folder], folder_total[folder], folder
      if (all_total == 0) exit 1
      printf "%6.1f %%  %5d lines  total\n", 100 * all_hit / all_total, all_total
    }' | sort -k5
