#!/usr/bin/env bash
# run.sh - install what is missing, build three times, run every test, say how it ended.
#
#   tests/run.sh            everything (some minutes)
#   tests/run.sh --quick    one build (gcc), no sanitizers, no fuzzing, no live tests
#   tests/run.sh --no-install   never call apt-get; what is missing makes its tests fail or skip
#   tests/run.sh -h
#
# Builds: build/ (gcc), build-asan/ (gcc, AddressSanitizer and UndefinedBehaviorSanitizer),
# build-clang/ (clang: warnings, fuzz targets). Logs: build/test-logs/.
# What is run, cheapest first:
#   build*/tests/{unit,ports,conformance,script,sim,model}/test_*   programs, both gcc builds
#   tests/{unit,checks}/test_*.sh BUILD        rules about the source and the library
#   build*/tests/fuzz/fuzz_*                   the corpus again; with clang 10 s each of new inputs
#   tests/live/test_*.sh BUILD                 real programs against stackd; 77 means skipped
# Each prints `name: N passed, N failed`; the last line here is their sum. With CI=true a live test
# that is skipped counts as failed.
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 2
top=$PWD
started=$SECONDS
quick=0 install=1
jobs=$(nproc 2>/dev/null || echo 2)
fuzz_seconds=10

for arg in "$@"; do
    case $arg in
    --quick) quick=1 ;;
    --no-install) install=0 ;;
    -h | --help) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "run.sh: $arg is no option: try -h" >&2; exit 1 ;;
    esac
done

# ---- what is needed -----------------------------------------------------------------------------

packages_build="gcc libc6-dev cmake ninja-build pkg-config libpcap-dev libnet1-dev libcunit1-dev
    libjansson-dev libcap-ng-dev libmnl-dev liburing-dev libncurses-dev zlib1g-dev"
packages_test="clang libclang-rt-14-dev tshark tcptrace nmap hping3 arping apache2-utils netcat-openbsd curl
    iproute2 iputils-ping tcpdump ethtool jq python3 spin graphviz man-db util-linux procps binutils
    liblwip-dev valgrind libxml2-utils librsvg2-dev tmux git openssl"

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

install_missing() {
    local missing=() p sudo=""
    command -v dpkg-query >/dev/null || return 0
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$install" = 0 ]; then
        echo "not installed: ${missing[*]}"
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        sudo="sudo -n"
        if ! sudo -n true 2>/dev/null; then
            echo "run.sh: packages are missing and there is no root here: sudo apt-get install ${missing[*]}" >&2
            return 0
        fi
    fi
    say "installing ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
        >/dev/null || echo "run.sh: apt-get failed: see above, or install them yourself: ${missing[*]}" >&2
}

# shellcheck disable=SC2086
if [ $quick = 1 ]; then install_missing $packages_build; else install_missing $packages_build $packages_test; fi

# ---- builds -------------------------------------------------------------------------------------

logs=$top/build/test-logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0 skipped=0
bad=()

# note NAME PASSED FAILED SKIPPED STATUS - count one program, and show its line.
note() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    local mark=ok
    [ "$4" -gt 0 ] && [ "$2" = 0 ] && mark=skip
    if [ "$3" -gt 0 ]; then mark=FAIL; bad+=("$1"); fi
    printf '%-4s  %-44s %4d passed, %d failed%s\n' "$mark" "$1" "$2" "$3" \
        "$([ "$4" -gt 0 ] && echo ", $4 skipped")"
}

build() { # build NAME DIR CMAKE-OPTIONS...
    local name=$1 dir=$2 log=$logs/build-$1.log generator=()
    shift 2
    command -v ninja >/dev/null && [ ! -e "$dir/CMakeCache.txt" ] && generator=(-G Ninja)
    say "building $dir"
    if cmake -S . -B "$dir" "${generator[@]}" -DSTACKD_TESTS=ON "$@" >"$log" 2>&1 && cmake --build "$dir" -j "$jobs" >>"$log" 2>&1; then
        note "build/$name" 1 0 0
        return 0
    fi
    note "build/$name" 0 1 0
    grep -E 'error|warning|Error' "$log" | head -n 20
    echo "      the whole log: $log"
    return 1
}

build gcc build -DCMAKE_C_COMPILER=gcc
if [ $quick = 0 ]; then
    build asan build-asan -DCMAKE_C_COMPILER=gcc -DSTACKD_SANITIZE=ON
    build clang build-clang -DCMAKE_C_COMPILER=clang
fi

# ---- running ------------------------------------------------------------------------------------

# Tasks run several at a time; each leaves a log, its status and a name in $logs/N.*.
task_count=0
task_running=0
task() { # task NAME TIMEOUT COMMAND...
    local name=$1 limit=$2 n=$task_count
    shift 2
    if [ "$task_running" -ge "$jobs" ]; then wait -n; task_running=$((task_running - 1)); fi
    echo "$name" >"$logs/$n.name"
    (timeout -k 10 "$limit" "$@" >"$logs/$n.log" 2>&1 </dev/null; echo $? >"$logs/$n.status") &
    task_count=$((task_count + 1)) task_running=$((task_running + 1))
}

collect_from=0
collect() { # wait for all tasks, count and show them in their order
    wait
    task_running=0
    local n p f s status line
    for ((n = collect_from; n < task_count; n++)); do
        status=$(cat "$logs/$n.status" 2>/dev/null || echo 125)
        line=$(grep -aE '^[^ ].*: [0-9]+ passed, [0-9]+ failed' "$logs/$n.log" | tail -n 1)
        p=$(sed -n 's/.*: \([0-9]*\) passed, .*/\1/p' <<<"$line") p=${p:-0}
        f=$(sed -n 's/.* passed, \([0-9]*\) failed.*/\1/p' <<<"$line") f=${f:-0}
        s=$(sed -n 's/.* failed, \([0-9]*\) skipped.*/\1/p' <<<"$line") s=${s:-0}
        if [ "$status" = 77 ]; then
            [ "$s" = 0 ] && s=1
            if [ "${CI:-}" = true ]; then f=$((f + s)) s=0; fi
        elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
            f=1
        elif [ "$status" = 0 ] && [ -z "$line" ]; then
            p=1
        fi
        note "$(cat "$logs/$n.name")" "$p" "$f" "$s"
        if [ "$f" -gt 0 ]; then
            [ "$status" = 124 ] && echo "      stopped: it took too long"
            grep -aE '^(FAIL|not ok| {5}|.*(ERROR: |runtime error|Assertion|assert))' "$logs/$n.log" | head -n 20
            echo "      the whole log: $logs/$n.log"
        fi
    done
    collect_from=$task_count
}

programs() { # programs BUILD PART - the test programs of a build
    find "$1/tests/$2" -maxdepth 1 -type f -executable -name 'test_*' 2>/dev/null | sort
}

fuzzers() { # fuzzers BUILD
    find "$1/tests/fuzz" -maxdepth 1 -type f -executable -name 'fuzz_*' 2>/dev/null | sort
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
builds="build"
[ $quick = 0 ] && builds="build build-asan"
for part in unit ports conformance script sim model; do
    say "$part"
    for b in $builds; do
        for program in $(programs "$b" $part); do
            # The limit is for one that hangs: the longest takes half a minute of a processor, five times that with
            # sanitizers, and other work may have the processor meanwhile.
            task "$part/$(basename "$program")${b#build}" 900 "$program"
        done
    done
    collect
done

say "checks"
for check in tests/unit/test_*.sh tests/checks/test_*.sh; do
    [ -e "$check" ] && task "checks/$(basename "$check" .sh)" 120 "$check" build
done
for b in $builds; do
    for program in $(fuzzers "$b"); do
        corpus=tests/fuzz/corpus/$(basename "$program" | sed 's/^fuzz_//')
        [ -d "$corpus" ] && task "fuzz/$(basename "$program")-corpus${b#build}" 120 "$program" -runs=0 "$corpus"
    done
done
collect

if [ $quick = 0 ]; then
    say "fuzz, $fuzz_seconds s each"
    for program in $(fuzzers build-clang); do
        name=$(basename "$program")
        corpus=build-clang/corpus/$name # what is found goes here; the committed seeds are only read
        mkdir -p "$corpus"
        seeds=()
        [ -d "tests/fuzz/corpus/${name#fuzz_}" ] && seeds=("tests/fuzz/corpus/${name#fuzz_}")
        task "fuzz/$name" $((fuzz_seconds + 60)) "$program" -max_total_time=$fuzz_seconds -timeout=10 \
            -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="$logs/$name-" "$corpus" "${seeds[@]}"
    done
    collect

    say "live"
    jobs=1 # they measure and they share the machine's load: one after the other
    for script in tests/live/test_*.sh; do
        [ -e "$script" ] && task "live/$(basename "$script" .sh)" 240 bash "$script" build
    done
    collect
fi

if [ ${#bad[@]} -gt 0 ]; then
    printf '\nfailed:\n'
    printf '  %s\n' "${bad[@]}"
fi
printf '\n%d s\n' $((SECONDS - started))
[ $skipped -gt 0 ] && tail_text=", $skipped skipped" || tail_text=""
echo "$passed passed, $failed failed$tail_text"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
