# shellcheck shell=bash
# netns.sh - a network namespace of one's own, and programs that say when they are ready: what the live tests, the
# benches and captures/make.sh share. Source it.
#
#     why=$(netns_lacks) && skip "$why"       can there be one, and a TAP in it?
#     netns_enter WHO ARGUMENTS...            the script is run again inside, with these arguments, unless it is
#     ready_run FILE REGEX SECONDS COMMAND... start it and wait until it says so on standard error
#
# What is made in the namespace, TAPs and addresses and routes, vanishes with it, and what was started there ends.
# An ordinary user gets a user namespace with it. Nothing here sleeps.

# netns_lacks - Return: 0: something is missing, and this is what.
netns_lacks() {
    [ -e /dev/net/tun ] || { echo "there is no /dev/net/tun"; return 0; }
    [ -w /dev/net/tun ] || { echo "/dev/net/tun is not for this user: be root, or chmod 666 it"; return 0; }
    [ "$(id -u)" = 0 ] || unshare --user --map-root-user --net true 2>/dev/null ||
        { echo "no root and no user namespaces"; return 0; }
    return 1
}

# netns_enter WHO ARGUMENTS... - be in a namespace of our own, or become it. WHO: so that one script may call another.
netns_enter() {
    local who=$1 user=()
    shift
    [ "${STACKD_NETNS:-}" = "$who" ] && return 0
    export STACKD_NETNS=$who
    [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
    exec unshare "${user[@]}" --net --mount --fork --kill-child -- bash "$0" "$@"
}

# until_line FILE-DESCRIPTOR REGEX SECONDS FILE - read lines until one matches; they go to FILE, too.
until_line() {
    local line deadline=$((SECONDS + $3))
    while [ $SECONDS -lt $deadline ] && IFS= read -r -t "$3" line <&"$1"; do
        printf '%s\n' "$line" >>"$4"
        [[ $line =~ $2 ]] && return 0
    done
    return 1
}

# ready_run FILE REGEX SECONDS COMMAND... - what it says goes to FILE.err, what it prints to FILE.out; its pid is in
# $ready_pid, and in $ready_rest that of who writes down what else it says. Return: 1: it has not said a line with REGEX.
ready_run() {
    local file=$1 regex=$2 seconds=$3 fd
    shift 3
    rm -f "$file.fifo"
    mkfifo "$file.fifo"
    : >"$file.err"
    "$@" 2>"$file.fifo" >"$file.out" </dev/null &
    ready_pid=$! ready_rest=""
    exec {fd}<"$file.fifo"
    if ! until_line "$fd" "$regex" "$seconds" "$file.err"; then
        exec {fd}<&-
        return 1
    fi
    cat <&"$fd" >>"$file.err" &
    ready_rest=$!
    exec {fd}<&-
}
