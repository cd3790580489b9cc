#!/bin/sh
# test_bench.sh - what bench.sh makes of its runs: medians, what is worse, the document.
#
# Usage: test_bench.sh BUILD-DIRECTORY
#
# That it can measure at all is tests/live/test_bench.sh's claim.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "bench: no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

# runs RATE... - a run of `http` against stackd for each.
runs() {
    for rate in "$@"; do
        printf '{"workload":"http","subject":"stackd","point":"","run":1,"why":"","result":{"connections":64,"count":1000,'
        printf '"per_s":%s,"seconds":1.0,"client_cpu_s":0.5,"cpu_s":0.004,"frames_in":1000,"frames_out":1000}}\n' "$rate"
    done
}
results() { # results FILE OPTION...
    file=$1
    shift
    tests/bench/results.py --history "$tmp/history.json" take --runs 3 --seconds 1 --took 1 --build "$build" "$@" "$file"
}

runs 100 300 200 >"$tmp/first"
results "$tmp/first" --keep >"$tmp/said" 2>"$tmp/bad"
python3 - "$tmp/history.json" >>"$tmp/bad" 2>&1 <<'END'
import json, sys
entry, = json.load(open(sys.argv[1]))
cell = entry["results"]["http"]["stackd"]
want = {"n": 3, "per_s": [200, 100, 300], "cpu_ms_1000": [4, 4, 4], "ns_frame": [2000, 2000, 2000], "busy": [0.004] * 3}
for key, value in want.items():
    if cell.get(key) != value:
        print(key, cell.get(key), "and not", value)
for key in ("commit", "date", "machine", "versions"):
    if not entry[key]:
        print("no", key)
END
verdict "the history has the median, the least and the most of the runs, the commit and the machine"

: >"$tmp/bad"
runs 60 150 90 >"$tmp/second" # a worse median, but within what the first runs spread over
results "$tmp/second" --compare >"$tmp/said" 2>&1 || cat "$tmp/said" >"$tmp/bad"
verdict "a difference within the spread is none"

: >"$tmp/bad"
runs 60 90 80 >"$tmp/third"
results "$tmp/third" --compare >"$tmp/said" 2>&1 && echo "80 a second after 200: not noticed" >"$tmp/bad"
grep -q 'http stackd: 80 /s' "$tmp/said" || cat "$tmp/said" >>"$tmp/bad"
verdict "what is worse by more than the spread is named, and the exit status says so"

tests/bench/results.py report --check >"$tmp/bad" 2>&1 && : >"$tmp/bad"
verdict "docs/performance.md and its charts are what tests/bench/history.json gives (bench.sh --report)"

finish bench
