# shellcheck shell=bash
# lib.sh - a namespace, a TAP, a subject on it, the load: what one.sh is made of. Source it with $build set;
# the script is run again in a network namespace of its own.
#
#     bench_enter ARGUMENTS...
#     subject_start NAME [OPTION...]   start stackd, a variant of it, a rival or a bound; 2: it is not built
#     load WORKLOAD [OPTION...]        the kernel's end (load/main.c) against it; a line of JSON
#     subject_stop
#
# Addresses: the subject is 10.9.0.2, the kernel 10.9.0.1, more of the kernel's 10.9.1.1 and on. The subject runs on
# processor $bench_cpu_subject, the load on $bench_cpu_load. Everything that is started is ended by its pid, also
# when the script is interrupted; what is in the namespace vanishes with it.
set -u
bench_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(readlink -f "$bench_dir/../..")
. "$bench_dir/../netns.sh"
export LC_ALL=C NO_COLOR=1

bench_skip() {
    echo "bench: skipped: $*" >&2
    exit 77
}

# bench_enter ARGUMENTS... - be in a namespace of our own, or become it.
bench_enter() {
    local why
    why=$(netns_lacks) && bench_skip "$why"
    netns_enter bench "$@"
    subject_pid="" subject_other=""
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/stackd-bench.XXXXXX") || exit 2
    trap bench_leave EXIT
    trap 'exit 130' INT TERM
    bench_files
    bench_settings
    bench_cpus
}

# What is served by HTTP: made once, as a file that has just been written is not yet one to rely on.
bench_files() {
    bench_root=$build/tests/bench/root
    [ "$(stat -c %s "$bench_root/big" 2>/dev/null)" = $((2 << 20)) ] && return 0
    rm -rf "$bench_root"
    mkdir "$tmp/root" && head -c 20 /dev/zero | tr '\0' 'x' >"$tmp/root/small" && # the reply of the small workloads
        head -c $((2 << 20)) /dev/zero | tr '\0' 'y' >"$tmp/root/big" &&        # what is read without end
        mv "$tmp/root" "$bench_root"
}

# The kernel's end is quiet, and has ports enough.
bench_settings() {
    ip link set lo up
    sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65535" \
        net.ipv4.tcp_max_tw_buckets=4000000 net.ipv4.tcp_max_orphans=1100000 net.ipv4.neigh.default.gc_thresh3=100000 2>/dev/null
    # The machine's default may pace (BBR), which costs at our end and is paid by the subject, whose writes run it. What a
    # namespace may choose is what the machine allows all users; the load chooses CUBIC by socket where that matters.
    sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null || sysctl -qw net.ipv4.tcp_congestion_control=reno
}

bench_cpus() { # the first three we may use; the third, for a subject with two threads, may be the load's
    local list
    list=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
    # shellcheck disable=SC2086
    set -- $list
    bench_cpu_load=$1 bench_cpu_subject=${2:-$1} bench_cpu_second=${3:-$1}
}

bench_leave() {
    subject_stop
    rm -rf "$tmp"
}

# ---- subjects -----------------------------------------------------------------------------------

# The program of a subject, and the options that make it this variant, in $subject_program and $subject_options.
subject_find() {
    subject_program=$build/tests/bench/rivals/${1%%-*} subject_options=()
    case $1 in
    stackd-copying) subject_program=$build/tests/bench/stackd-copying ;;
    stackd*) subject_program=$build/bin/stackd ;;
    lwip-tuned) subject_program=$build/tests/bench/rivals/lwip-tuned ;;
    esac
    case $1 in
    stackd-plain) subject_options=(--offload off) ;;
    stackd-spin) subject_options=(--busy-poll 1000) ;;
    stackd-awake) subject_options=(--stay-awake) ;;
    stackd-queues) subject_options=(--queues 2 --cpu "$bench_cpu_subject,$bench_cpu_second") ;;
    gvisor-gso) subject_options=(--gso) ;;
    bound) subject_options=(--offload) ;;
    bound-copy) subject_options=(--offload --copy) ;;
    bound-uring) subject_options=(--uring) ;;
    bound-spin) subject_options=(--spin) ;;
    esac
    [ -x "$subject_program" ] # those that need a package are there only when it is
}

subject_run() { # subject_run REGEX COMMAND... - on its processor, until it is ready; what it says: $tmp/subject.err
    local ready=$1 is_ready=0
    shift
    ready_run "$tmp/subject" "$ready" 20 taskset -c "$bench_cpu_subject" "$@" || is_ready=1
    subject_pid=$ready_pid subject_other=$ready_rest
    [ $is_ready = 0 ] && return 0
    echo "bench: $1 did not become ready:" >&2
    tail -n 5 "$tmp/subject.err" >&2
    subject_stop
    return 1
}

subject_start() { # subject_start NAME [OPTION...]
    local subject=$1
    shift
    subject_find "$subject" || return 2
    subject_tap=bench0
    case $subject in
    stackd*) subject_stackd "$@" ;;
    kernel) subject_kernel "$@" ;;
    *)
        # Up only when somebody is attached: a carrier that comes later counts only after up to a second.
        ip tuntap add dev $subject_tap mode tap && ip addr add 10.9.0.1/16 dev $subject_tap &&
            subject_run ready "$subject_program" --tap $subject_tap --ip 10.9.0.2/16 "${subject_options[@]}" "$@" &&
            ip link set $subject_tap up
        ;;
    esac
}

subject_stackd() {
    subject_run '^stackd: ready' "$subject_program" "${subject_options[@]}" --tap $subject_tap --ip 10.9.0.2/16 --host-ip 10.9.0.1/16 \
        --control "$tmp/control" --http-root "$bench_root" --service echo --service discard --service chargen \
        --service http "$@"
}

# The kernel's own TCP as the other end: a server in a second namespace, veth between.
subject_kernel() {
    mkfifo "$tmp/go" 2>/dev/null
    subject_tap=veth0
    # shellcheck disable=SC2016
    unshare --net -- bash -c 'read -r _ <"$1"; shift; exec "$@"' go "$tmp/go" sleep 3600 &
    subject_other=$!
    while [ "$(readlink /proc/$subject_other/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do :; done
    ip link add veth0 type veth peer name veth1 netns $subject_other &&
        ip addr add 10.9.0.1/16 dev veth0 && ip link set veth0 up || return 1
    nsenter -t $subject_other -n -- sh -c 'ip link set lo up; ip addr add 10.9.0.2/16 dev veth1; ip link set veth1 up' || return 1
    local holder=$subject_other
    subject_run ready nsenter -t "$holder" -n -- "$subject_program" --ip 10.9.0.2/16 "$@"
    local status=$?
    kill "$holder" 2>/dev/null
    return $status
}

subject_sources() { # subject_sources N - that many source addresses of the kernel's end
    local i
    for ((i = 1; i <= $1; i++)); do
        echo "addr add 10.9.$((1 + i / 256)).$((i % 256))/16 dev $subject_tap"
    done | ip -batch -
}

subject_stop() {
    local p
    for p in $subject_pid $subject_other; do
        kill -KILL "$p" 2>/dev/null
        wait "$p" 2>/dev/null
    done
    subject_pid="" subject_other=""
    ip link del "${subject_tap:-bench0}" 2>/dev/null
    return 0
}

load() {
    local workload=$1
    shift
    timeout -k 5 "${LOAD_LIMIT:-60}" "$build/tests/bench/load" "$workload" --to 10.9.0.2 --cpu "$bench_cpu_load" --pid "$subject_pid" \
        --iface "$subject_tap" "$@"
}
