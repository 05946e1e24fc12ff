#!/bin/sh
# Generate the firmware of a model, C-simulate it, and compare all engines: what the GitHub and GitLab jobs run.
#
#   verify.sh MODEL DEVICE [--inputs IMAGES.npy | --data FOLDER --limit N] [more options of `fireline verify`]
#
# Leaves the project, verify.json, verify.xml (JUnit) and summary.md in $OUT. Exit status: 0 all equal, 1 engines differ,
# 2 bad input, 3 the network does not fit the device.
set -eu

here=$(dirname "$0")
out=${OUT:-fireline-ci}
model=$1
device=$2
shift 2

mkdir -p "$out"
rm -f "$out/verify.json" "$out/verify.xml" "$out/summary.md"

# Objects compiled on another machine are good only without instructions of that machine.
export CXXFLAGS="${CXXFLAGS:--O3}"
if command -v ccache >/dev/null; then export CXX="ccache ${CXX:-g++}"; fi

fireline generate "$model" --device "$device" --out "$out/project" --force
fireline csim "$out/project"

status=0
fireline verify "$model" --project "$out/project" --junit "$out/verify.xml" --json "$@" >"$out/verify.json" || status=$?
if [ -s "$out/verify.json" ]; then python3 "$here/summary.py" "$out/verify.json" "$model" >"$out/summary.md"; fi
if [ -s "$out/summary.md" ]; then cat "$out/summary.md"; fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -s "$out/summary.md" ]; then cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$status"
