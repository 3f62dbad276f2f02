#!/usr/bin/env bash
# Makes a Debian 12 machine ready to build Larmor: Debian packages and LibTorch. Run again it only checks, in a second.
#
#   scripts/setup.sh [--packages | --libtorch]      both parts, or one of them
#
#   LARMOR_CACHE      where downloads and LibTorch go (default ~/.cache/larmor)
#   LARMOR_LIBTORCH   a LibTorch 2.6 or newer to use instead (folder with include/ and lib/); nothing is fetched then
#   LARMOR_CUDA=1     also fetch what the CUDA half of LibTorch lacks; by itself where an NVIDIA driver is; 0: never
#
# Exit codes: 0 ready, 1 a step failed, 2 something is missing that this user may not install (the command is printed).
set -euo pipefail
source "$(dirname "$0")/common.sh"

package_list=$LARMOR_SOURCE/scripts/packages.txt
wheel_list=$LARMOR_SOURCE/scripts/wheels.txt
downloads=$LARMOR_CACHE/downloads

missing_packages() {
  local name
  while read -r name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
  done < <(awk '!/^#/ && NF {print $1}' "$package_list")
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    fail 2 "this is no Debian; install what scripts/packages.txt names, then run scripts/setup.sh --libtorch"
  local missing as_root=()
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  local command="apt-get install -y --no-install-recommends ${missing% }"
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail 2 "Debian packages are missing; run as root: apt-get update && $command"
    as_root=(sudo -n)
  fi
  say "installing: $missing"
  # A third-party package source that does not answer must not stop us: the installation below decides.
  "${as_root[@]}" apt-get update -q >&2 || say "apt-get update had errors; going on"
  # shellcheck disable=SC2086 # the command is a list of words
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command >&2 || fail 1 "this failed: $command"
}

# cuda_wanted: is there a GPU, or does the user say so?
cuda_wanted() {
  case ${LARMOR_CUDA:-auto} in
    1 | ON | on) return 0 ;;
    0 | OFF | off) return 1 ;;
    *) [ -e /proc/driver/nvidia/version ] || ldconfig_lists libcuda.so.1 ;;
  esac
}

ldconfig_lists() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -F "$1 (" >/dev/null; }

# machine_has <library>: outside our own folder, where the loader or FindLibTorch.cmake will find it.
machine_has() {
  local folder
  ldconfig_lists "$1" && return 0
  for folder in /usr/local/cuda/lib64 /usr/local/cuda/extras/CUPTI/lib64; do
    [ -e "$folder/$1" ] && return 0
  done
  return 1
}

# wheels_to_use: the lines of wheels.txt that this machine needs.
wheels_to_use() {
  local requirement when kind library
  while IFS='#' read -r requirement when; do
    [ -n "$requirement" ] || continue
    read -r kind library <<<"$when"
    case $kind in
      always) ;;
      cpu) ! machine_has "$library" || continue ;;
      cuda)
        ! machine_has "$library" || continue
        cuda_wanted || continue
        ;;
      *) fail 1 "$wheel_list: unknown kind '$kind'" ;;
    esac
    printf '%s\n' "${requirement%"${requirement##*[![:space:]]}"}"
  done <"$wheel_list"
}

checksum_of() { sed -n 's/.*--hash=sha256:\([0-9a-f]*\).*/\1/p' <<<"$1"; }

# downloaded_wheel <requirement>: the file in the cache whose checksum fits, if there is one.
downloaded_wheel() {
  local name=${1%%==*} file
  for file in "$downloads/${name//-/_}"-*.whl; do
    [ -f "$file" ] && sha256sum --status -c - <<<"$(checksum_of "$1")  $file" && printf '%s' "$file" && return 0
  done
  return 1
}

# Python is only the client that fetches: the wheel is made for another interpreter than this one, hence the explicit version.
download_wheel() {
  local requirement=$1 folder for_python=() python
  python=$(command -v python3) || fail 1 "python3 is missing; run scripts/setup.sh --packages"
  "$python" -m pip --version >/dev/null 2>&1 || python=/usr/bin/python3
  "$python" -m pip --version >/dev/null 2>&1 || fail 1 "pip is missing; run scripts/setup.sh --packages"
  [[ $requirement != torch==* ]] || for_python=(--python-version 3.12 --platform manylinux_2_28_x86_64)
  folder=$(mktemp -d "$downloads/fetch.XXXXXX")
  printf '%s\n' "$requirement" >"$folder/requirement.txt"
  say "fetching ${requirement%% *}"
  if ! "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: \
    "${for_python[@]}" --require-hashes -r "$folder/requirement.txt" -d "$folder" >&2; then
    rm -rf "$folder"
    fail 1 "could not fetch ${requirement%% *} with its pinned checksum; set LARMOR_LIBTORCH to use another LibTorch"
  fi
  mv "$folder"/*.whl "$downloads/"
  rm -rf "$folder"
}

# unpack <wheel> <folder>: libraries, headers and licences; not the Python code.
unpack() {
  (cd "$2" && case ${1##*/} in
    torch-*) cmake -E tar xf "$1" -- torch/include torch/lib torch-2.11.0.dist-info ;;
    *) cmake -E tar xf "$1" -- 'nvidia/*/lib' '*.dist-info' ;;
  esac) || fail 1 "could not unpack $1"
}

install_libtorch() {
  if [ -n "${LARMOR_LIBTORCH:-}" ]; then
    [ -e "$LARMOR_LIBTORCH/lib/libtorch_cpu.so" ] || fail 2 "LARMOR_LIBTORCH=$LARMOR_LIBTORCH: no lib/libtorch_cpu.so in this folder"
    return 0
  fi
  local folder=$LARMOR_CACHE/libtorch-2.11.0 stamp wanted requirement file temporary
  wanted=$(wheels_to_use)
  stamp=$folder/.installed
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0

  mkdir -p "$downloads"
  temporary=$(mktemp -d "$LARMOR_CACHE/unpack.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$temporary' '$downloads'/fetch.*" EXIT
  while read -r requirement; do
    file=$(downloaded_wheel "$requirement") || {
      download_wheel "$requirement"
      file=$(downloaded_wheel "$requirement") || fail 1 "${requirement%% *} was fetched but is not in $downloads"
    }
    say "unpacking ${file##*/}"
    unpack "$file" "$temporary"
  done <<<"$wanted"
  printf '%s\n' "$wanted" >"$temporary/.installed"
  # The old folder leaves only when the new one is whole.
  rm -rf "$folder.old"
  [ ! -e "$folder" ] || mv "$folder" "$folder.old"
  mv "$temporary" "$folder"
  rm -rf "$folder.old"
  say "LibTorch 2.11.0 is in $folder"
}

mkdir -p "$LARMOR_CACHE"
exec 9>"$LARMOR_CACHE/.lock"
flock 9
case ${1:-} in
  --packages) install_packages ;;
  --libtorch) install_libtorch ;;
  "")
    install_packages
    install_libtorch
    ;;
  *) fail 2 "unknown argument '$1'; allowed: --packages, --libtorch" ;;
esac
