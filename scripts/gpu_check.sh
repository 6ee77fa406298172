#!/usr/bin/env bash
# What only a GPU can tell, in steps that can be run one by one, offline, on a machine that has the build tools:
#
#   scripts/gpu_check.sh build       builds tritorch._C with the Python that runs (PYTHON=python3)
#   scripts/gpu_check.sh test        the device's tests on the real device
#   scripts/gpu_check.sh sanitize    a selection of them under compute-sanitizer (memcheck, racecheck)
#   scripts/gpu_check.sh bench       operators against torch, each in a process of its own, in turn
#   scripts/gpu_check.sh record      what the steps gave, as perf/records/<gpu>/<date>-<commit>.json
#   scripts/gpu_check.sh             all of them, within 25 minutes
#
# OUT=folder keeps the logs (default: build/gpu_check). A step that fails, or takes longer than its share of the time,
# is recorded as failed; the others still run. DRY=1 goes through the steps on the simulated device with a test or a
# case of each: it shows that they run, its times mean nothing, and its record stays in OUT.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:-build/gpu_check}
DRY=${DRY:-}
mkdir -p "$OUT"
unset TRITORCH_SIM
if [ -n "$DRY" ]; then export TRITORCH_SIM=1; fi

step() { # step NAME SECONDS COMMAND...: runs it with its log and limit; notes how it ended and how long it took
    local name=$1 limit=$2 begin=$SECONDS
    shift 2
    timeout --kill-after=10 "$limit" "$@" >"$OUT/$name.log" 2>&1
    local status=$?
    echo "{\"step\": \"$name\", \"status\": $status, \"seconds\": $((SECONDS - begin))}" >"$OUT/$name.json"
    echo "$name: $([ $status -eq 0 ] && echo passed || echo "failed ($status), see $OUT/$name.log")"
    tail -n 3 "$OUT/$name.log"
}

build() {
    if [ -n "$DRY" ]; then
        step build 60 "$PYTHON" -c "import tritorch; print(tritorch.cuda.get_device_name())"
    else
        step build 240 "$PYTHON" -m pip install --no-build-isolation --no-deps -e .
    fi
}
run_tests() {
    local what=(tests/cuda tests/runtime)
    if [ -n "$DRY" ]; then what=(tests/cuda/test_first_path.py); fi
    step test 480 "$PYTHON" -m pytest -q -p no:cacheprovider "${what[@]}"
}
sanitize() {
    for tool in memcheck racecheck; do
        local with=(compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all)
        local what=(tests/cuda/test_matmul.py tests/cuda/test_reductions.py -k "float32 or softmax")
        if [ -n "$DRY" ]; then with=(env) what=(tests/cuda/test_first_path.py); fi # the simulated device checks by itself
        step "sanitize-$tool" 120 "${with[@]}" "$PYTHON" -m pytest -q -x -p no:cacheprovider "${what[@]}"
    done
}
bench() {
    local how=(--limit 400)
    if [ -n "$DRY" ]; then how=(--size 16 --rounds 1 --sample 0.001); fi
    step bench 480 "$PYTHON" -m perf.device_speed --json "$OUT/speed.rows" "${how[@]}"
}
record() { "$PYTHON" scripts/gpu_record.py "$OUT"; }

case "${1:-all}" in
    build) build ;;
    test) run_tests ;;
    sanitize) sanitize ;;
    bench) bench ;;
    record) record ;;
    all) # each step speaks for itself: one that fails does not keep the next from running
        build
        run_tests
        sanitize
        bench
        record
        ;;
    *)
        sed -n 's/^#   //p' "$0"
        exit 2
        ;;
esac
