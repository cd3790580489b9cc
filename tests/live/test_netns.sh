#!/usr/bin/env bash
# test_netns.sh - stackd --netns as an ordinary user: no root, no sudo, the whole experience.
. "$(dirname "$0")/lib.sh"
need setpriv curl
user() { "$@"; }
if [ "$(id -u)" = 0 ] && [ "$(readlink /proc/self/uid_map 2>/dev/null; awk '{ print $3 }' /proc/self/uid_map)" != 1 ]; then
    # Become nobody; the device may be root's only, so nobody gets one of his own in this namespace.
    if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -w /dev/net/tun; then
        mknod "$tmp/tun" c 10 200 && chmod 666 "$tmp/tun" && mount --bind "$tmp/tun" /dev/net/tun 2>/dev/null ||
            skip "/dev/net/tun is for root only, and a device for the test cannot be made"
    fi
    chmod 755 "$tmp"
    user() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all env HOME=/ XDG_RUNTIME_DIR="$tmp/run" "$@"; }
    mkdir "$tmp/run" && chown 65534 "$tmp/run"
fi
user unshare --user --net true 2>/dev/null || skip "no user namespaces for ordinary users"
user test -x "$stackd" || { cp "$stackd" "$tmp/stackd" && chmod 755 "$tmp/stackd" && stackd=$tmp/stackd; }

t_match "curl inside" "$(user timeout 20 "$stackd" --netns -- curl -s --max-time 10 http://10.0.0.2/ 2>/dev/null)" stackd
t "ping inside" user timeout 20 "$stackd" --netns -- ping -n -c 1 -W 2 10.0.0.2
user timeout 20 "$stackd" --netns -- sh -c 'exit 42' 2>/dev/null
t_eq "the command's status is stackd's" "$?" 42
user timeout 20 "$stackd" --netns -- /no/such/program 2>"$tmp/err"
t "a command that is not there is a failure" test $? -ne 0
t_match "and is said" "$(cat "$tmp/err")" '/no/such/program'
user test -x "$stackctl" || { cp "$stackctl" "$tmp/stackctl" && chmod 755 "$tmp/stackctl" && stackctl=$tmp/stackctl; }
t_match "stackctl inside finds it" "$(user timeout 20 "$stackd" --netns -- sh -c "cd /; '$stackctl' sock" 2>&1)" 'LISTEN .*:80'
t_match "also without XDG_RUNTIME_DIR" "$(user env -u XDG_RUNTIME_DIR timeout 20 "$stackd" --netns -- "$stackctl" sock 2>&1)" 'LISTEN .*:80'
t_match "and by a relative --control" "$(cd "$tmp/run" && user timeout 20 "$stackd" --netns --control here.sock -- sh -c "cd /; '$stackctl' sock" 2>&1)" 'LISTEN .*:80'
out=$(user timeout 20 "$stackd" --netns --ip 192.168.77.2/24 -- ip -4 addr show tap0 2>/dev/null)
t_match "--ip moves the kernel's end too" "$out" '192\.168\.77\.1/24'
t_match "-v can be coloured" "$(user timeout 20 "$stackd" --netns -v --color=always -- curl -s --max-time 10 http://10.0.0.2/ 2>&1 >/dev/null)" $'\033\\[32m[^\033]*ESTABLISHED[^\033]*\033\\[0m'
t_eq "and is not where nobody looks" "$(user timeout 20 "$stackd" --netns -v -- curl -s --max-time 10 http://10.0.0.2/ 2>&1 >/dev/null | grep -c $'\033')" 0
t "nothing of it is seen outside" sh -c '! ip link show tap0'
finish
