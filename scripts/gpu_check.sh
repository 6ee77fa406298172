#!/usr/bin/env bash
# What only a GPU can tell, in steps that can be run one by one, offline, on a machine that has the build tools:
#
#   scripts/gpu_check.sh build       builds tritorch._C with the Python that runs (PYTHON=python3)
#   scripts/gpu_check.sh test        the device's tests on the real device
#   scripts/gpu_check.sh sanitize    a selection of them under compute-sanitizer (memcheck, racecheck)
#   scripts/gpu_check.sh record      what the steps gave, as perf/records/<gpu>/<date>-<commit>.json
#   scripts/gpu_check.sh             all of them
#
# OUT=folder keeps the logs (default: build/gpu_check). A step that fails is recorded as failed; the others still run.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:-build/gpu_check}
mkdir -p "$OUT"
unset TRITORCH_SIM

step() { # step NAME COMMAND...: runs it with its log, and notes how it ended and how long it took
    local name=$1 begin=$SECONDS
    shift
    "$@" >"$OUT/$name.log" 2>&1
    local status=$?
    echo "{\"step\": \"$name\", \"status\": $status, \"seconds\": $((SECONDS - begin))}" >"$OUT/$name.json"
    echo "$name: $([ $status -eq 0 ] && echo passed || echo "failed ($status), see $OUT/$name.log")"
    tail -n 3 "$OUT/$name.log"
}

build() { step build "$PYTHON" -m pip install --no-build-isolation --no-deps -e .; }
run_tests() { step test "$PYTHON" -m pytest -q -p no:cacheprovider tests/cuda tests/runtime; }
sanitize() {
    for tool in memcheck racecheck; do
        step "sanitize-$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all \
            "$PYTHON" -m pytest -q -x -p no:cacheprovider tests/cuda/test_matmul.py tests/cuda/test_reductions.py -k "float32 or softmax"
    done
}
record() { "$PYTHON" scripts/gpu_record.py "$OUT"; }

case "${1:-all}" in
    build) build ;;
    test) run_tests ;;
    sanitize) sanitize ;;
    record) record ;;
    all) build && run_tests && sanitize && record ;;
    *)
        sed -n 's/^#   //p' "$0"
        exit 2
        ;;
esac
