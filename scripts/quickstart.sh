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

# What is there already is kept: a second call goes on where the first one stopped.
[ -e "$phantom/data.csv" ] || step phantom lgg "$phantom" --patients 12 --slices 14
again=()
if [ -e "$run/checkpoints/last.safetensors" ]; then
  again=(--resume)
elif [ -e "$run/log.jsonl" ]; then
  again=(--overwrite)  # stopped before its first checkpoint
fi
step train "$LARMOR_SOURCE/configs/quickstart.yaml" data.root="$phantom" --run-dir "$run" "${again[@]}"
if [ ! "$run/evaluation.json" -nt "$run/checkpoints/best.safetensors" ]; then step eval "$run" --tta none,tta1,tta2,tta3; fi
step report "$run"
printf 'report: %s\n' "$run/report.html"
