#!/usr/bin/env bash
# test_bench.sh - bench.sh can measure: each of its workloads, for a moment, against stackd.
here=$(dirname "$(readlink -f "$0")")
"$here/../bench/bench.sh" --smoke --build "${1:-$here/../../build}" | sed 's|^bench/smoke|live/test_bench|'
exit "${PIPESTATUS[0]}"
