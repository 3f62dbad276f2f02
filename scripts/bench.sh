#!/usr/bin/env bash
# Times Larmor and, where a script is given, what a user would run instead, alternating (ours, theirs, ours, …), and compares medians.
#
#   scripts/bench.sh [--peers SCRIPT [--python PROGRAM]] [--rounds 3] [--threads 2] [--n 5] [--lgg FOLDER] [--only WORDS]
#                    [--json FILE] [--anyway]
#
# --peers   a program that takes `infer|train|optimizer|loader|metrics|startup` with --batch, --mode, --names, --warm, --root, --threads,
#           --n and prints JSON lines with "median_ms", as the programs in bench/ do
# --lgg     folder of LGG patients (or of a phantom); without it the loader is left out
# --only    rows whose name contains this
# --anyway  measure although the machine is busy; such figures say nothing
set -euo pipefail
source "$(dirname "$0")/common.sh"

peers="" python=python3 rounds=3 threads=2 n=5 lgg="" only="" json="" anyway=no
while [ $# -gt 0 ]; do
  case $1 in
    --anyway) anyway=yes ;;
    --peers | --python | --rounds | --threads | --n | --lgg | --only | --json)
      [ $# -gt 1 ] || fail 2 "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    *) fail 2 "unknown argument '$1'; the first lines of this script tell what is allowed" ;;
  esac
  shift
done
[ -z "$peers" ] || [ -f "$peers" ] || fail 2 "--peers: no file '$peers'"

busy=$(awk '{print ($1 > 0.5) ? $1 : ""}' /proc/loadavg)
if [ -n "$busy" ]; then
  [ "$anyway" = yes ] || fail 1 "the machine is busy (load $busy): wait until it is idle, or give --anyway"
  say "the machine is busy (load $busy): these figures say nothing"
fi

"$LARMOR_SOURCE/scripts/setup.sh"
programs=(larmor bench_metrics bench_model bench_optimizer)
[ -z "$lgg" ] || programs+=(bench_loader)
build release "${programs[@]}"
bin=$LARMOR_SOURCE/build/release
common=(--threads "$threads" --n "$n")

# A row: name | our command | the peer's arguments | what picks the lines of the output (a grep pattern; the last one counts). The peer of
# inference is run as it comes and compiled with frozen weights, which is the fastest that it offers. The first five steps of RAdam and of
# all that is built on it are cheaper than the others, so they are not measured.
rows=(
  "infer, batch 1, eager|$bin/bench/bench_model infer --batch 1|infer --batch 1|median_ms"
  "infer, batch 1, compiled|$bin/bench/bench_model infer --batch 1|infer --batch 1 --mode compile|median_ms"
  "infer, batch 8, eager|$bin/bench/bench_model infer --batch 8|infer --batch 8|median_ms"
  "infer, batch 8, compiled|$bin/bench/bench_model infer --batch 8|infer --batch 8 --mode compile|median_ms"
  "train, batch 4, eager|$bin/bench/bench_model train --batch 4|train --batch 4|median_ms"
  "step of ranger|$bin/bench/bench_optimizer --names ranger --warm 6|optimizer --names ranger --warm 6|median_ms"
  "step of ralamb, peer ranger|$bin/bench/bench_optimizer --names ralamb --warm 6|optimizer --names ranger --warm 6|median_ms"
  "step of adam, peer fused|$bin/bench/bench_optimizer --names adam|optimizer --names adam_fused|median_ms"
  "HD95 + NSD, surfels|$bin/bench/bench_metrics --elements surfels|metrics|hd95+nsd"
  "HD95, voxels, peer MONAI|$bin/bench/bench_metrics --elements voxels|metrics|\(voxels\|monai\) hd95 "
  "start|start|startup|list models\|smp"
)
if [ -n "$lgg" ]; then
  loader="$bin/bench/bench_loader --root $lgg"
  rows+=("loader, first epoch, image|$loader|loader --root $lgg|\"epoch\": *0, *\"workers\": *$threads,"
    "loader, third epoch, image|$loader|loader --root $lgg|\"epoch\": *2, *\"workers\": *$threads,")
fi

# start: milliseconds of `larmor list models`, in the form of a bench program.
start() {
  local begin end
  begin=$(date +%s%N)
  "$bin/cli/larmor" list models >/dev/null
  end=$(date +%s%N)
  printf '{"what": "startup larmor list models", "median_ms": %s}\n' "$(((end - begin) / 1000000))"
}

# measure <command…>: its output, and a line {"peak_mib": …} after it where the program was seen at work.
measure() {
  local output peak=0 now pid looks=0
  output=$(mktemp)
  "$@" >"$output" &
  pid=$!
  while now=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
    peak=$((now > peak ? now : peak)) looks=$((looks + 1))
    sleep 0.5  # looking more often takes time from the threads that are measured
  done
  wait "$pid" || { rm -f "$output"; fail 1 "failed: $*"; }
  cat "$output"
  [ "$looks" -lt 2 ] || printf '{"peak_mib": %d}\n' "$peak"
  rm -f "$output"
}

value_of() { sed -n "s/.*\"$1\": *\([0-9.eE+-]*\).*/\1/p" | tail -n 1; }

# median: of the numbers on stdin, one per line.
median() { sort -g | awk '{v[NR] = $1} END {if (NR) print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

run_row() {
  local name ours theirs pattern round text row_folder ours_options=() peer_options=()
  IFS='|' read -r name ours theirs pattern <<<"$1"
  row_folder=$(mktemp -d)
  case $ours in
    start) ;;
    *loader*) ours_options=(--threads "$threads") ;;
    *) ours_options=("${common[@]}") ;;
  esac
  case $theirs in
    *loader*) peer_options=(--threads "$threads") ;;
    *) peer_options=("${common[@]}") ;;
  esac
  for ((round = 0; round < rounds; ++round)); do
    # shellcheck disable=SC2086 # rows hold words
    text=$(measure $ours "${ours_options[@]}")
    grep "$pattern" <<<"$text" | value_of median_ms >>"$row_folder/ours"
    value_of peak_mib <<<"$text" >>"$row_folder/ours_mib"
    [ -n "$peers" ] || continue
    # shellcheck disable=SC2086
    text=$(TORCHINDUCTOR_FREEZING=1 measure "$python" "$peers" $theirs "${peer_options[@]}")
    grep "$pattern" <<<"$text" | value_of median_ms >>"$row_folder/peer"
    value_of peak_mib <<<"$text" >>"$row_folder/peer_mib"
  done
  local ours_ms ours_mib peer_ms="" peer_mib="" ratio=""
  ours_ms=$(median <"$row_folder/ours")
  ours_mib=$(median <"$row_folder/ours_mib")
  [ "$ours" != start ] || ours_mib=""  # that of the shell
  if [ -n "$peers" ]; then
    peer_ms=$(median <"$row_folder/peer")
    peer_mib=$(median <"$row_folder/peer_mib")
    [ "$ours" != start ] || peer_mib=""
    ratio=$(awk -v a="$ours_ms" -v b="$peer_ms" 'BEGIN {printf "%.3f", a / b}')
  fi
  rm -rf "$row_folder"
  printf '%-28s %12s %12s %8s %10s %10s\n' "$name" "$ours_ms" "${peer_ms:--}" "${ratio:--}" "${ours_mib:--}" "${peer_mib:--}"
  [ -z "$json" ] || printf '{"row": "%s", "larmor_ms": %s, "peer_ms": %s, "ratio": %s, "larmor_mib": %s, "peer_mib": %s, "rounds": %d, "threads": %d}\n' \
    "$name" "$ours_ms" "${peer_ms:-null}" "${ratio:-null}" "${ours_mib:-null}" "${peer_mib:-null}" "$rounds" "$threads" >>"$json"
}

[ -z "$json" ] || : >"$json"
printf '%-28s %12s %12s %8s %10s %10s\n' "medians of $rounds rounds" "larmor ms" "peer ms" "ratio" "larmor MiB" "peer MiB"
for row in "${rows[@]}"; do
  [[ ${row%%|*} == *"$only"* ]] || continue
  run_row "$row"
done
