#!/usr/bin/env bash
# bench.sh - measure stackd, other stacks and the bounds of the machine, side by side.
#
#   tests/bench/bench.sh [OPTION...] [WORKLOAD...]     all workloads, or those named (--list names them)
#
#   --quick          three short runs of each, in two minutes; --runs N, --seconds S: other numbers (5, 0.8)
#   --more N         so many runs in all of a subject whose goal is hovering (13)
#   --subjects LIST  only these, as --subjects stackd,kernel
#   --save           keep the medians in tests/bench/history.json; a run of everything is always kept
#   --compare        say what is worse than in the last entry there by more than the spread, and by more than the bound is;
#                    exit 1 if anything is
#   --report         write docs/performance.md and its charts from the history; measures nothing
#   --smoke          does it work at all? every workload for a moment with stackd; nothing is kept
#   --no-install     never call apt-get: rivals whose packages are missing are left out
#   --build DIR      the build to measure (build/)
#
# A workload is the kernel's TCP (build/tests/bench/load) in a network namespace, pinned to one processor,
# against a subject on the TAP, pinned to another. The subjects take turns (A B C A B C), a fresh process each
# time, so that whatever else the machine does meets all alike; what counts is the median. A subject and the bound
# that its goal names are neighbours, and each run is compared with its neighbour's.
#
# Hovering: what a goal demands lies between the least and the most of the runs, so that which side the median falls on
# is chance. Then that subject and its bound take more turns, up to --more in all. The first runs decide it, by
# their spread alone; nobody looks in between, and all runs count.
#
# Needs root or user namespaces, and a machine with nothing else to do. What each workload is: workload(), below.
set -u
shopt -s extglob # for one pattern below
here=$(dirname "$(readlink -f "$0")")

runs=5 more=13 seconds=0.8 warmup=0.25 quick=0 save=0 compare=0 report=0 smoke=0 install=1 list=0 subjects_only="" build=""
wanted=()
usage() { echo "bench.sh: $1: try --help" >&2; exit 1; }
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 runs=3 more=0 seconds=0.2 warmup=0.15 ;;
    --runs | --more | --seconds | --subjects | --build)
        [ $# -gt 1 ] || usage "$1 needs a value"
        case $1 in
        --runs) runs=$2 ;;
        --more) more=$2 ;;
        --seconds) seconds=$2 ;;
        --subjects) subjects_only=${2//,/ } ;;
        --build) build=$(readlink -f "$2") ;;
        esac
        shift
        ;;
    --save) save=1 ;;
    --compare) compare=1 ;;
    --report) report=1 ;;
    --smoke) smoke=1 runs=1 more=0 seconds=0.1 warmup=0.05 subjects_only="stackd stackd-copying" ;;
    --no-install) install=0 ;;
    --list) list=1 ;;
    -h | --help) sed -n '2,29s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) usage "$1 is no option" ;;
    *) wanted+=("$1") ;;
    esac
    shift
done
build=${build:-$(readlink -f "$here/../..")/build}

# ---- what there is to measure -------------------------------------------------------------------

workloads="bulk-in bulk-in-8 bulk-out bulk-out-8 bulk-out-file http conns conns-server conns-minute udp udp-trains ping idle idle-million
    grow-connections grow-loss grow-mtu grow-message"

# workload NAME - its subjects, and the command line of the load; of those that grow, the points, too.
workload() {
    options=() subjects="stackd bound lwip lwip-tuned gvisor-gso kernel" points="" sources=0
    case $1 in
    bulk-in) options=(bulk-in) subjects="stackd bound stackd-plain bound-plain bound-copy lwip lwip-tuned gvisor gvisor-gso kernel" ;;
    bulk-in-8) options=(bulk-in --connections 8) subjects="stackd bound stackd-queues lwip-tuned gvisor-gso kernel" ;;
    bulk-out)
        options=(bulk-out --size 65536)
        subjects="stackd bound stackd-copying bound-copy stackd-plain bound-plain lwip lwip-tuned gvisor gvisor-gso kernel"
        ;;
    bulk-out-8) options=(bulk-out --size 65536 --connections 8) subjects="stackd stackd-queues lwip-tuned gvisor-gso kernel" ;;
    bulk-out-file) options=(bulk-out --size 65536 --port 80 --path /big) subjects="stackd bound" ;;
    http) options=(http --connections 64 --path /small) subjects="stackd bound-uring bound stackd-queues lwip lwip-tuned gvisor-gso kernel" ;;
    conns) options=(conns --connections 16 --path /small --from 10.9.1.1 --sources 8) sources=8 ;;
    conns-minute)
        options=(conns --connections 16 --path /small --from 10.9.1.1 --sources 8 --server-closes) sources=8 subjects="stackd bound lwip-tuned"
        ;;
    conns-server) options=(conns --connections 16 --path /small --from 10.9.1.1 --sources 8 --server-closes) sources=8 ;;
    udp) options=(udp --connections 64) subjects="stackd bound-uring bound lwip lwip-tuned gvisor-gso kernel" ;;
    udp-trains) options=(trains --connections 4) subjects="stackd stackd-plain kernel" ;;
    ping) options=(ping) subjects="stackd bound stackd-awake stackd-spin bound-spin lwip-tuned gvisor-gso kernel" ;;
    idle) options=(idle --touch --from 10.9.1.1 --sources 8 --connections) sources=8 subjects="stackd lwip-tuned gvisor-gso" ;;
    idle-million)
        options=(idle --touch --warmup 3 --from 10.9.1.1 --sources 20 --connections) sources=20 subjects="stackd"
        ;;
    grow-connections)
        options=(echo --size 20 --from 10.9.1.1 --sources 20 --outstanding 64 --connections) sources=20 subjects="stackd"
        points="1 10 100 1000 10000 100000 1000000"
        ;;
    grow-loss) options=(bulk-in) subjects="stackd" points="0 0.1 0.5 1 2 5" ;;
    grow-mtu) options=(bulk-in) subjects="stackd stackd-plain" points="576 1500 4000 9000 65521" ;;
    grow-message) options=(echo --connections 16 --size) subjects="stackd" points="1 10 100 1000 10000 100000 1000000" ;;
    *) usage "$1 is no workload" ;;
    esac
}

# Not through the TAP: programs that hold both ends, or count by themselves. COMMAND prints a line of JSON.
in_process="cable cable-64k cable-copy virtual-connections"
in_process() {
    case $1 in
    # Nobody fills or reads the payload, as stacks of this kind measure themselves; cable-copy: with a copy in.
    cable) options=("$build/tests/bench/cable" --mtu 1500 --send reserve --seconds "$seconds") ;;
    cable-64k) options=("$build/tests/bench/cable" --mtu 65535 --send reserve --seconds "$seconds") ;;
    cable-copy) options=("$build/tests/bench/cable" --mtu 1500 --send copy --seconds "$seconds") ;;
    virtual-connections)
        options=("$build/tests/bench/connections" --json)
        [ $quick$smoke = 00 ] || options+=(1 100 1000)
        ;;
    esac
}

if [ $list = 1 ]; then
    for w in $workloads; do
        workload "$w"
        echo "$w: load ${options[*]}${points:+ at each of $points}: $subjects"
    done
    for w in $in_process; do in_process "$w"; echo "$w: ${options[*]##*/}"; done
    exit
fi
[ $report = 1 ] && exec python3 "$here/results.py" report
for w in "${wanted[@]}"; do
    case " $in_process " in *" $w "*) ;; *) workload "$w" ;; esac
done
everything=0
if [ ${#wanted[@]} = 0 ]; then
    # shellcheck disable=SC2206
    wanted=($workloads $in_process)
    [ $quick = 0 ] && [ $smoke = 0 ] && [ -z "$subjects_only" ] && everything=1
    if [ $quick = 1 ]; then # a minute or a million in a moment would be something else
        # shellcheck disable=SC2206
        wanted=(${workloads//@(conns-minute|idle-million)/} $in_process)
    fi
fi

# ---- rivals that want a package -----------------------------------------------------------------

# They are built only where their package is; what cannot be had is named and left out.
bench_packages() {
    local none=()
    [ $install = 1 ] || none=(--no-install)
    "$here/rivals/build.sh" "$build" "${none[@]}" >&2
    return 0
}
[ -x "$build/bin/stackd" ] && [ -x "$build/tests/bench/load" ] || usage "no build in $build: build first, or name it"
[ $smoke = 1 ] || bench_packages

tmp=$(mktemp -d "${TMPDIR:-/tmp}/stackd-bench.XXXXXX") || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export LC_ALL=C
# ---- running ------------------------------------------------------------------------------------

began=$SECONDS
cpu=$(python3 -c 'import os; print(sorted(os.sched_getaffinity(0))[-1])')
failed=0
declare -A absent

# one WORKLOAD SUBJECT RUN [POINT] - a fresh subject, a line in runs.jsonl.
one() {
    local w=$1 subject=$2 run=$3 point=${4:-} extra=() args=() line="" why="" limit=60 seconds=$seconds
    workload "$w"
    args=("${options[@]}")
    case $w in
    idle) # lwIP's list of connections is searched one by one: 100,000 take it a minute
        case $smoke$subject in 1*) args+=(500) ;; 0stackd) args+=(100000 --warmup 3) ;; *) args+=(10000 --warmup 3) ;; esac
        ;;
    idle-million) # once: it takes half a minute
        args+=($([ $quick$smoke = 00 ] && echo 1000000 || echo 1000)) limit=200 extra=(--connections 1100000)
        ;;
    grow-connections)
        args+=("$point") limit=200 extra=(--connections 1100000)
        [ "$point" -lt 64 ] && args+=(--outstanding "$point")
        ;;
    grow-message) args+=("$point") ;;
    grow-loss) extra=(--drop-chance "rx:$point") ;;
    grow-mtu) extra=(--mtu "$point") ;;
    ping) [ "${subject%-spin}" = "$subject" ] || args+=(--spin) ;; # asleep at both ends, or at none
    conns-minute) [ $quick$smoke = 00 ] && seconds=60 limit=90 ;;
    bulk-out-file) [ "${subject%%-*}" = bound ] && args=(bulk-out --size 65536) ;;
    esac
    measure() {
        LOAD_LIMIT=$limit "$here/one.sh" --build "$build" --sources "$sources" "$subject" "${extra[@]}" -- \
            "${args[0]}" --seconds "$1" --warmup "$warmup" "${args[@]:1}" 2>"$tmp/why"
    }
    line=$(measure "$seconds")
    local status=$?
    if [ $status = 1 ] && [ $smoke = 1 ]; then # a busy machine may give us no time in a moment: a longer one
        line=$(measure 3)
        status=$?
    fi
    case $status in
    0) ;;
    3)
        [ -n "${absent[$subject]:-}" ] || echo "bench.sh: $subject is left out: it is not built (a package it needs is missing)" >&2
        absent[$subject]=1
        return
        ;;
    77) cat "$tmp/why" >&2; exit 77 ;;
    130) exit 130 ;;
    *)
        failed=$((failed + 1)) line=null why=$(tail -n 1 "$tmp/why")
        echo "bench.sh: $w $subject${point:+ $point}: no result:" >&2
        tail -n 3 "$tmp/why" >&2
        ;;
    esac
    printf '{"workload":"%s","subject":"%s","point":"%s","run":%d,"why":"%s","result":%s}\n' "$w" "$subject" "$point" \
        "$run" "${why//[\"\\]/}" "$line" >>"$tmp/runs.jsonl"
}

progress() { [ -t 2 ] && printf '\r%-60s' "$*" >&2; }

one_in_process() { # one_in_process WORKLOAD RUN - a line of JSON, or one for each number of connections
    local line point
    in_process "$1"
    if ! taskset -c "$cpu" "${options[@]}" >"$tmp/lines" 2>"$tmp/why" || [ ! -s "$tmp/lines" ]; then
        failed=$((failed + 1))
        echo "bench.sh: $1: no result: $(tail -n 1 "$tmp/why")" >&2
        echo null >"$tmp/lines"
    fi
    while read -r line; do
        point=""
        [ "$1" = virtual-connections ] && point=$(sed -n 's/.*"connections": *\([0-9]*\).*/\1/p' <<<"$line")
        printf '{"workload":"%s","subject":"stackd","point":"%s","run":%d,"why":"","result":%s}\n' "$1" "$point" "$2" \
            "$line" >>"$tmp/runs.jsonl"
    done <"$tmp/lines"
}

# once WORKLOAD RUN SUBJECT... - a turn of each of them that the workload has.
once() {
    local w=$1 run=$2 subject
    shift 2
    progress "$w $run/$runs ($((SECONDS - began)) s)"
    case " $in_process " in *" $w "*) one_in_process "$w" "$run"; return ;; esac
    workload "$w"
    for subject in "$@"; do
        case " $subjects " in *" $subject "*) one "$w" "$subject" "$run" ;; esac
    done
}

# How often a point of a curve is measured: less often, there are many.
point_runs=$(((runs + 1) / 2))
[ $quick = 1 ] && point_runs=1

# A curve: all its points, each of each subject.
curve() {
    local w=$1 run=$2 point subject
    progress "$w $run/$point_runs ($((SECONDS - began)) s)"
    [ $smoke = 1 ] && points=${points%% *}
    [ $quick = 1 ] && points=${points% * *}
    for point in $points; do
        # A million connections take half a minute to make: once is enough.
        [ "$w/$point" = grow-connections/1000000 ] && [ "$run" -gt 1 ] && continue
        for subject in ${subjects_only:-$subjects}; do
            case " $subjects " in *" $subject "*) one "$w" "$subject" "$run" "$point" ;; esac
            workload "$w"
        done
    done
}

: >"$tmp/runs.jsonl"
for w in "${wanted[@]}"; do
    subjects="" points="" these=$runs
    case " $in_process " in *" $w "*) ;; *) workload "$w" ;; esac
    case $w in
    conns-minute | idle-million) these=1 ;;
    idle | virtual-connections) these=$point_runs ;; # long ones, and all alike
    esac
    [ -n "$points" ] && these=$point_runs
    for ((run = 1; run <= these; run++)); do
        if [ -n "$points" ]; then
            curve "$w" $run
            workload "$w"
        else
            # shellcheck disable=SC2086
            once "$w" $run ${subjects_only:-$subjects}
        fi
    done
    [ "$more" -gt $runs ] && [ $these = "$runs" ] || continue
    hovering=$(python3 "$here/results.py" hovering --workload "$w" "$tmp/runs.jsonl")
    for ((; run <= more && ${#hovering} > 0; run++)); do
        # shellcheck disable=SC2086
        once "$w" $run $hovering
    done
done
progress ""

if [ $smoke = 1 ]; then
    done_well=$(grep -vc '"result":null' "$tmp/runs.jsonl")
    echo "bench/smoke: $done_well passed, $failed failed"
    [ $failed = 0 ] && [ "$done_well" -ge ${#wanted[@]} ]
    exit
fi
arguments=(--runs "$runs" --seconds "$seconds" --build "$build" --took $((SECONDS - began)))
[ $everything = 1 ] || [ $save = 1 ] && arguments+=(--keep)
[ $compare = 1 ] && arguments+=(--compare)
python3 "$here/results.py" take "${arguments[@]}" "$tmp/runs.jsonl"
status=$?
[ $status = 0 ] && [ $failed -gt 0 ] && exit 2
exit $status
