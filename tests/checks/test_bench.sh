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
    run=0
    for rate in "$@"; do
        run=$((run + 1))
        printf '{"workload":"http","subject":"stackd","point":"","run":%d,"why":"","result":{"connections":64,"count":1000,' $run
        printf '"per_s":%s,"seconds":1.0,"client_cpu_s":0.5,"cpu_s":0.004,"others_cpu_s":0.2,"stolen_s":0,"frames_in":1000,"frames_out":1000}}\n' "$rate"
    done
}
results() { # results FILE OPTION...
    file=$1
    shift
    tests/bench/results.py --history "$tmp/history.json" take --runs 3 --seconds 1 --took 1 --build "$build" "$@" "$file"
}

runs 100 300 200 >"$tmp/first"
results "$tmp/first" --keep >"$tmp/said" 2>"$tmp/bad"
python3 - "$tmp/history.json" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" >>"$tmp/bad" 2>&1 <<'END'
import json, sys
entry, = json.load(open(sys.argv[1]))
cell = entry["results"]["http"]["stackd"]
if entry["alone"] != {"others": [0.2] * 3, "stolen": [0, 0, 0]}:
    print("alone:", entry["alone"])
want = {"n": 3, "per_s": [200, 100, 300], "cpu_ms_1000": [4, 4, 4], "ns_frame": [2000, 2000, 2000], "busy": [0.004] * 3}
for key, value in want.items():
    if cell.get(key) != value:
        print(key, cell.get(key), "and not", value)
if entry["commit"] != sys.argv[2]:
    print("commit", entry["commit"], "and not", sys.argv[2])
for key in ("date", "machine", "versions"):
    if not entry[key]:
        print("no", key)
END
grep -q '^others had 0.20 processors' "$tmp/said" || cat "$tmp/said" >>"$tmp/bad"
verdict "the history has the median, the least and the most of the runs, the commit, the machine and who else was on it"

: >"$tmp/bad"
runs 60 150 90 >"$tmp/second" # a worse median, but within what the first runs spread over
results "$tmp/second" --compare >"$tmp/said" 2>&1 || cat "$tmp/said" >"$tmp/bad"
verdict "a difference within the spread is none"

: >"$tmp/bad"
runs 60 90 80 >"$tmp/third"
results "$tmp/third" --compare >"$tmp/said" 2>&1 && echo "80 a second after 200: not noticed" >"$tmp/bad"
grep -q 'http stackd: 80 /s' "$tmp/said" || cat "$tmp/said" >>"$tmp/bad"
verdict "what is worse by more than the spread is named, and the exit status says so"

# An entry without http is newer, and is not what http is compared with.
: >"$tmp/bad"
sed 's/"http"/"udp"/' "$tmp/first" >"$tmp/other"
results "$tmp/other" --keep >"$tmp/said" 2>&1 || cat "$tmp/said" >"$tmp/bad"
results "$tmp/third" --compare >"$tmp/said" 2>&1 && echo "80 a second after 200: not noticed behind an entry of another workload" >"$tmp/bad"
sed 's/"http"/"ping"/' "$tmp/first" >"$tmp/other"
results "$tmp/other" --compare >"$tmp/said" 2>&1 || cat "$tmp/said" >>"$tmp/bad"
grep -q 'with nothing.*: ping' "$tmp/said" || cat "$tmp/said" >>"$tmp/bad"
verdict "each workload is compared with the newest entry that has it, and what has none is named"

# The machine is half as fast as it was: so is the bound.
: >"$tmp/bad"
{ cat "$tmp/first"; runs 100 300 200 | sed 's/stackd/bound/'; } >"$tmp/both"
results "$tmp/both" --keep >"$tmp/said" 2>&1 || cat "$tmp/said" >"$tmp/bad"
{ cat "$tmp/third"; runs 50 150 80 | sed 's/stackd/bound/'; } >"$tmp/slow"
results "$tmp/slow" --compare >"$tmp/said" 2>&1 || cat "$tmp/said" >>"$tmp/bad"
{ cat "$tmp/third"; runs 100 300 200 | sed 's/stackd/bound/'; } >"$tmp/slow"
results "$tmp/slow" --compare >"$tmp/said" 2>&1 && echo "80 a second after 200, and the bound is as it was: not noticed" >>"$tmp/bad"
verdict "what is worse for the bound as well is the machine"

# bulk SUBJECT RATE... - a run of bulk-in for each.
bulk() {
    subject=$1 run=0
    shift
    for rate in "$@"; do
        run=$((run + 1))
        printf '{"workload":"bulk-in","subject":"%s","point":"","run":%d,"why":"","result":{"connections":1,"gbit_s":%s}}\n' \
            "$subject" $run "$rate"
    done
}
# The machine is half as fast in the second turn and a third as fast in the third, for both.
: >"$tmp/bad"
{ bulk stackd 90 50 20; bulk bound 100 50 30; } >"$tmp/turns"
rm -f "$tmp/history.json"
results "$tmp/turns" --keep >"$tmp/said" 2>"$tmp/bad"
python3 - "$tmp/history.json" >>"$tmp/bad" 2>&1 <<'END'
import json, sys
cell = json.load(open(sys.argv[1]))[0]["results"]["bulk-in"]["stackd"]
if cell.get("of bound") != [0.9, 0.66667, 1]:
    print("of bound:", cell.get("of bound"), "of", cell)
END
verdict "the share of the bound is the median of the shares of the turns"

# hovers WANTED - what runs again of the runs in $tmp/turns.
hovers() {
    got=$(tests/bench/results.py hovering --workload bulk-in "$tmp/turns" 2>&1)
    [ "$got" = "$1" ] || echo "again: '$got' and not '$1':" "$(tr '\n' ' ' <"$tmp/turns")" >>"$tmp/bad"
}
: >"$tmp/bad"
{ bulk stackd-plain 9 9.6 9.2; bulk bound-plain 14 15 16; bulk stackd 95 98 99; bulk bound 100 100 100; } >"$tmp/turns"
hovers "stackd-plain bound-plain"
sed -i 's/:9.6/:9.4/' "$tmp/turns" # all below
hovers ""
{ bulk stackd-plain 9.9 9.6 9.7; bulk bound-plain 14 15 16; bulk stackd 95 88 99; bulk bound 100 100 100; } >"$tmp/turns"
hovers "stackd bound"
sed -i 's/:88/:91/' "$tmp/turns" # all above
hovers ""
verdict "what runs again is what has its goal between its least and its most, with its bound"

tests/bench/results.py report --check >"$tmp/bad" 2>&1 && : >"$tmp/bad"
verdict "docs/performance.md and its charts are what tests/bench/history.json gives (bench.sh --report)"

finish bench
