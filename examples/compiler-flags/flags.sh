#!/bin/sh
# One trial: compiles squeeze.cpp with the flags that the parameters say, runs it and reports. Run by hand it shows
# what g++ -O2 gives; or HONE_PARAM_LEVEL=O3 HONE_PARAM_NATIVE=true sh flags.sh
set -e
report() { printf '%s\n' "$1" >&"${HONE_REPORT_FD:-1}"; }
cd "$(dirname "$0")"

folder=$(mktemp -d "${HONE_FOLDER:-${TMPDIR:-/tmp}}/build.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' TERM INT HUP

flags="-std=c++17 -s -${HONE_PARAM_LEVEL:-O2} -falign-functions=${HONE_PARAM_ALIGN:-16}"
with() { if [ "$1" = true ]; then flags="$flags $2"; fi; }
with "${HONE_PARAM_NATIVE:-false}" -march=native
with "${HONE_PARAM_FAST_MATH:-false}" -ffast-math
with "${HONE_PARAM_UNROLL:-false}" -funroll-loops
with "${HONE_PARAM_LTO:-false}" -flto
with "${HONE_PARAM_IPA_PTA:-false}" -fipa-pta
if [ "${HONE_PARAM_EXCEPTIONS:-true}" = false ]; then flags="$flags -fno-exceptions -fno-asynchronous-unwind-tables"; fi
case ${HONE_PARAM_VECTORIZE:-default} in
  default) ;;
  off) flags="$flags -fno-tree-vectorize" ;;
  *) flags="$flags -ftree-vectorize -fvect-cost-model=$HONE_PARAM_VECTORIZE" ;;
esac
if [ -n "$HONE_PARAM_INLINE_LIMIT" ]; then flags="$flags -finline-limit=$HONE_PARAM_INLINE_LIMIT"; fi
if [ -n "$HONE_PARAM_ALIGN" ]; then flags="$flags -falign-loops=$HONE_PARAM_ALIGN -falign-jumps=$HONE_PARAM_ALIGN"; fi

compile() { g++ $flags "$@" squeeze.cpp -o "$folder/squeeze"; }
echo "g++ $flags"
if [ "${HONE_PARAM_PROFILE:-false}" = true ]; then
  compile -fprofile-generate="$folder/profile" -fprofile-update=single
  "$folder/squeeze" 1
  compile -fprofile-use="$folder/profile" -Wno-missing-profile
else
  compile
fi

# A wrong result ends the program with status 1, and this script with it: the trial has failed.
seconds=$("$folder/squeeze" "${HONE_FIDELITY:-10}")
bytes=$(size "$folder/squeeze" | awk 'NR == 2 { print $4 }')   # code and data, without the file's padding
report "{\"run_s\": $seconds, \"binary_bytes\": $bytes}"
