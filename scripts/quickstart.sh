#!/usr/bin/env bash
# From a fresh clone to a report: sets up, builds the program, makes a phantom, trains on it, evaluates and reports. Minutes on two cores.
#
#   scripts/quickstart.sh [FOLDER]      where phantom and run go (default runs/quickstart)
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=${1:-$LARMOR_SOURCE/runs/quickstart}
phantom=$folder/phantom
run=$folder/run

"$LARMOR_SOURCE/scripts/setup.sh"
build release larmor
larmor=$LARMOR_SOURCE/build/release/cli/larmor

# Each command is shown as it can be typed again.
step() {
  say ""
  say "\$ larmor $*"
  "$larmor" "$@"
}

rm -rf "$phantom" "$run"
step phantom lgg "$phantom" --patients 12 --slices 14
step train "$LARMOR_SOURCE/configs/quickstart.yaml" data.root="$phantom" --run-dir "$run"
step eval "$run" --tta none,tta1,tta2,tta3
step report "$run"
printf 'report: %s\n' "$run/report.html"
