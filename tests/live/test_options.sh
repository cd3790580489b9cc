#!/usr/bin/env bash
# test_options.sh - wrong options: one line that says what happened and how to mend it, and the status.
. "$(dirname "$0")/lib.sh"

wrong() { # wrong STATUS REGEX OPTIONS...: stackd ends with it, one line on standard error
    local want=$1 regex=$2 got
    shift 2
    timeout 10 "$stackd" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    t_eq "stackd $*: status" "$got" "$want"
    t_match "stackd $*: message" "$(head -n 1 "$tmp/err")" "^stackd: .*$regex"
    t_eq "stackd $*: one line" "$(wc -l <"$tmp/err")" 1
}

wrong 1 'unknown option --no-such-option: try stackd --help' --no-such-option
wrong 1 'unknown option --drop-chnace: try --drop-chance' --drop-chnace 5
wrong 1 'unknown option -x: try' -x
wrong 1 'option --d can mean several: try --drop-chance, --duplicate-chance or --delay' --d 5
wrong 1 'option --tap needs a value: try --tap NAME' --tap
wrong 1 'option --netns takes no value: try --netns' --netns=yes
wrong 1 . --tap ''
wrong 1 . --tap this-name-is-too-long-for-linux
wrong 1 . --tap tap0 --ip 10.0.0.256/24
wrong 1 . --tap tap0 --ip 10.0.0.2
wrong 1 . --tap tap0 --ip 10.0.0.0/24
wrong 1 . --tap tap0 --ip 10.0.0.255/24
wrong 1 . --tap tap0 --ip 224.0.0.1/24
wrong 1 . --tap tap0 --ip 10.0.0.2/33
wrong 1 . --tap tap0 --mac 01:00:00:00:00:01
wrong 1 . --tap tap0 --mac 02:00
wrong 1 . --tap tap0 --mtu 67
wrong 1 . --tap tap0 --mtu 70000
wrong 1 . --tap tap0 --service nosuch
wrong 1 . --tap tap0 --service echo:0
wrong 1 . --tap tap0 --service echo:65536
wrong 1 . --tap tap0 --syn-policy maybe
wrong 1 . --tap tap0 --backlog 0
wrong 1 . --tap tap0 --syn-pool x
wrong 1 . --tap tap0 --msl -1
wrong 1 . --tap tap0 --drop-chance 101
wrong 1 . --tap tap0 --delay -5
wrong 1 . --tap tap0 --rate fast
wrong 1 . --tap tap0 --seed abc
wrong 1 . --tap tap0 --offload perhaps
wrong 1 . --tap tap0 --io epoll
wrong 2 . --raw lo --ip 10.9.9.2/24 --io uring
wrong 1 . --tap tap0 --busy-poll long
wrong 1 . --tap tap0 --cpu first
wrong 2 . --tap tap0 --cpu 1000
wrong 1 . --tap tap0 --raw lo
wrong 1 . --tap tap0 stray
wrong 2 . --fd 99
wrong 2 . --raw nosuchdev0
wrong 2 . --tap tap0 --pcap /no/such/folder/x.pcapng
wrong 2 . --tap tap0 --trace /no/such/folder/x.jsonl
wrong 1 . --tap tap0 --http-root /no/such/folder
wrong 2 . --tap tap0 --control /no/such/folder/deeper/x.sock
wrong 2 . --tap lo
t "the TAP of none of them is left" sh -c '! ip link show tap0'

start
wrong 2 'tap0' --tap tap0 --control "$tmp/second.sock"
wrong 2 . --tap tap1 --control "$control"
t "the first one still runs" ctl link
stop

t "--help is status 0" "$stackd" --help
t "--version is status 0" "$stackd" --version
ctl_wrong() { # ctl_wrong STATUS WORDS...
    local want=$1
    shift
    timeout 10 "$stackctl" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    t_eq "stackctl $*: status" "$?" "$want"
    t_match "stackctl $*: message" "$(head -n 1 "$tmp/err")" '^stackctl: .*: .*'
    t_eq "stackctl $*: one line" "$(wc -l <"$tmp/err")" 1
}
t_eq "the objects of --help stand in a table" "$("$stackctl" --help | sed '1,/^Objects/d' | grep -vc '^  ')" 0
ctl_wrong 1
ctl_wrong 1 nosuchobject
ctl_wrong 1 sokc
ctl_wrong 1 --jsno sock
ctl_wrong 1 sock --no-such-option
ctl_wrong 1 --color=purple sock
ctl_wrong 2 --control "$tmp/nothing.sock" sock
start
ctl_wrong 1 --control "$control" sock colour red
ctl_wrong 1 --control "$control" sock state nosuch
ctl_wrong 1 --control "$control" listen what
ctl_wrong 1 --control "$control" ping
ctl_wrong 1 --control "$control" ping not-an-address
ctl_wrong 1 --control "$control" ping -c 0 10.0.0.1
ctl_wrong 1 --control "$control" nc 10.0.0.1
ctl_wrong 1 --control "$control" nc 10.0.0.1 99999
ctl_wrong 1 --control "$control" neigh add 10.0.0.9
ctl_wrong 1 --control "$control" neigh add 10.0.0.9 lladdr 01:00:00:00:00:01
ctl_wrong 2 --control "$control" neigh del 10.0.0.9
ctl_wrong 1 --control "$control" route add 10.0.0.0/33
ctl_wrong 2 --control "$control" route add 172.16.0.0/12 via 192.168.9.9
ctl_wrong 1 --control "$control" fault loss
ctl_wrong 1 --control "$control" fault loss 101
ctl_wrong 1 --control "$control" fault gravity 9
ctl_wrong 1 --control "$control" trace nosuchkind
ctl_wrong 1 --control "$control" pcap start
ctl_wrong 2 --control "$control" pcap stop
stop
finish
