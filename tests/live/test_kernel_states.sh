#!/usr/bin/env bash
# test_kernel_states.sh - more than a thousand connections with the kernel's own TCP as the other end:
# its state changes, as the tracepoint sock:inet_sock_set_state tells them, and ours, as --trace tells
# them, make a pair that RFC 9293 allows, for every way a connection can end. Each shape has a port of
# its own, so the port tells which pairs are right. Needs root (tracefs).
. "$(dirname "$0")/lib.sh"
need jq curl
peer=$build/tests/live/peer
[ -x "$peer" ] || skip "$peer is not built"

# Only our ports, that no other connections push ours out, and an address of our own.
kernel_states 8192 "(sport > 1000 && sport < 2100) || (dport > 1000 && dport < 2100)"

net=10.$((100 + $$ % 100)).$((RANDOM % 256))
us=$net.2 them=$net.1
start --ip $us/24 --trace "$tmp/trace.jsonl" --service echo:1001 --service daytime:1002 --service echo:1003 \
    --service echo:1004 --service chargen:1005 --service daytime:1006 --service http:1007 --service chargen:1008
count=150

# The kernel opens.
t "$count times, the kernel closes first" "$peer" connect $us 1001 $count close
t "$count times, we close first" "$peer" connect $us 1002 $count wait
t "$count times, half closed: data comes after the kernel's FIN" "$peer" connect $us 1003 $count half
t "$count times, the kernel resets" "$peer" connect $us 1004 $count reset
t "$count times, the kernel resets after its FIN" "$peer" connect $us 1005 $count late
t "$count times, nobody listens" "$peer" connect $us 1099 $count refused
t "the wire gets longer" ctl fault tx:delay 10
t "$count times, both close at once" "$peer" connect $us 1006 $count both
ctl fault off >/dev/null
for ((i = 0; i < 20; i++)); do curl -s -o /dev/null -o /dev/null http://$us:1007/ http://$us:1007/; done

# We open.
actives=60
active() { # active PORT HOW COMMAND: the kernel listens and ends the connections as HOW says
    background "$peer" accept "$1" $actives "$2"
    local acceptor=$! i
    listening "$1" || return 1
    for ((i = 0; i < actives; i++)); do
        "$3" "$1"
    done
    wait $acceptor
}
nc_through() { timeout 10 "$stackctl" --control "$control" nc $them "$1" 2>/dev/null; }
nc_ends() { nc_through "$1" </dev/null; }
mkfifo "$tmp/back" "$tmp/never"
nc_echoes() { nc_through "$1" <"$tmp/back" | head -c 10 >"$tmp/back"; } # 10 bytes, then the end
exec {never_fd}<>"$tmp/never"
nc_waits() { nc_through "$1" <"$tmp/never"; }
t "$actives times, we open and close first" active 2001 wait nc_ends
t "$actives times, we open, the kernel closes first" active 2002 half nc_echoes
t "$actives times, we open, the kernel resets" active 2003 reset nc_waits
for ((i = 0; i < actives; i++)); do nc_waits 2099; done

# What each end says: one line a connection, `OURS-THEIRS STATE STATE ...`; a step that does not begin
# where the last one ended is told.
cp "$instance/trace" "$tmp/kernel"
t_eq "the tracepoint lost nothing" \
    "$(kernel_states_lost)" 0
stop
t_eq "SIGTERM: status 0" "$status" 0
chain='{ if (($1) in end && end[$1] != $2) broken[$1] = " (then from " $2 ")"
         if (!(($1) in all)) all[$1] = $2
         all[$1] = all[$1] broken[$1] " " $3; end[$1] = $3 }
       END { for (c in all) print c, all[c] }'
jq -r 'select(.kind == "tcp_state" and (.conn | startswith("*") | not)) | "\(.conn) \(.from) \(.to)"' \
    <"$tmp/trace.jsonl" | awk "$chain" | sed 's/TIME_WAIT CLOSED$/TIME_WAIT/' | sort >"$tmp/ours"
# As inet_sock_set_state writes it: the kernel's own port is `sport`; 0 before connect() has chosen one.
# A step from CLOSING to CLOSING is the kernel's way into its TIME_WAIT, which has no event.
grep -F "$them" "$tmp/kernel" | tr ' ' '\n' | awk -F= -v us=$us -v them=$them '
    $1 == "sport" { s = $2 } $1 == "dport" { d = $2 }
    $1 == "oldstate" { o = substr($2, 5) }
    $1 == "newstate" && s && d && substr($2, 5) != o { print us ":" d "-" them ":" s, o, substr($2, 5) }' | awk "$chain" | sort >"$tmp/theirs"

t "the kernel tells of more than a thousand connections" test "$(wc -l <"$tmp/theirs")" -ge 1000
t "we tell of more than a thousand connections" test "$(wc -l <"$tmp/ours")" -ge 1000
t_eq "no step is missing in either" "$(grep -h 'then from' "$tmp/ours" "$tmp/theirs" | head -n 3)" ""

# pair PORT: the different pairs on this port, each with its number, as `N OURS | THEIRS`.
join -a 1 -a 2 -t '~' <(sed 's/ /~/' "$tmp/ours") <(sed 's/ /~/' "$tmp/theirs") >"$tmp/joined"
pairs() { grep -E "^$us:$1-|:$1~" "$tmp/joined" | sed 's/^[^~]*~//; s/~/ | /' | sort | uniq -c | sed 's/^ *//'; }
passive='LISTEN SYN_RCVD ESTABLISHED' opened='SYN_SENT ESTABLISHED'
they_first="$passive CLOSE_WAIT LAST_ACK CLOSED | $opened FIN_WAIT1 FIN_WAIT2 CLOSE"
we_first="$passive FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT | $opened CLOSE_WAIT LAST_ACK CLOSE"
at_once="$passive FIN_WAIT_1 CLOSING TIME_WAIT | $opened FIN_WAIT1 CLOSING CLOSE"
t_eq "the kernel closes first: LAST_ACK here, FIN_WAIT there" "$(pairs 1001)" "$count $they_first"
t_eq "we close first: TIME_WAIT here, LAST_ACK there" "$(pairs 1002)" "$count $we_first"
t_eq "half close: as when the kernel closes first" "$(pairs 1003)" "$count $they_first"
t_eq "reset: both end at once" "$(pairs 1004)" "$count $passive CLOSED | $opened CLOSE"
t "reset after FIN: it is the reset that ends LAST_ACK, but where all was acknowledged before" \
    test "$(jq -r 'select(.kind == "tcp_state" and .to == "CLOSED") | .conn + " " + .cause' \
        <"$tmp/trace.jsonl" | grep -c ':1005-.* rcv RST')" -ge $((count / 2))
t_eq "reset after FIN" "$(pairs 1005)" "$count $passive CLOSE_WAIT LAST_ACK CLOSED | $opened FIN_WAIT1 FIN_WAIT2 CLOSE"
t_eq "refused: no connection here" "$(grep -c "^$us:1099-.*~SYN_SENT CLOSE$" "$tmp/joined")" $count
# Here the user closed, and the peer's FIN was there before ours had left: RFC 9293 section 3.10.4
# enters FIN-WAIT-1 with the call, but the FIN then carries the ACK of the peer's.
overtaken="$passive FIN_WAIT_1 CLOSING TIME_WAIT | $opened FIN_WAIT1 FIN_WAIT2 CLOSE"
unusual() { # stdin: pairs; those that are none of the legal ones
    sed 's/^[0-9]* //' | grep -vxF -e "$at_once" -e "$they_first" -e "$we_first" -e "$overtaken"
}
number() { sed -n "s/^\([0-9]*\) ${1//|/.}\$/\1/p" | grep . || echo 0; } # stdin: pairs; how often this one
t "both close at once: CLOSING at both ends, most of the times" test "$(pairs 1006 | number "$at_once")" -ge $((count / 2))
t_eq "both close at once: where the FINs did not cross, it is one of the usual pairs" "$(pairs 1006 | unusual)" ""
t_eq "HTTP: every pair is a usual one" "$(pairs 1007 | unusual)" ""

active='CLOSED SYN_SENT ESTABLISHED' asked='LISTEN SYN_RECV ESTABLISHED'
they_first="$active CLOSE_WAIT LAST_ACK CLOSED | $asked FIN_WAIT1 FIN_WAIT2 CLOSE"
we_first="$active FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT | $asked CLOSE_WAIT LAST_ACK CLOSE"
at_once="$active FIN_WAIT_1 CLOSING TIME_WAIT | $asked FIN_WAIT1 CLOSING CLOSE"
overtaken="$active FIN_WAIT_1 CLOSING TIME_WAIT | $asked FIN_WAIT1 FIN_WAIT2 CLOSE"
t_eq "we open and close first" "$(pairs 2001)" "$actives $we_first"
t "we open, the kernel closes first" test "$(pairs 2002 | number "$they_first")" -ge $((actives / 2))
t_eq "we open, the kernel closes first: where we were as quick, it is one of the usual pairs" "$(pairs 2002 | unusual)" ""
t_eq "we open, the kernel resets" "$(pairs 2003)" "$actives $active CLOSED | $asked CLOSE"
t_eq "we open, nobody listens" "$(pairs 2099)" "$actives CLOSED SYN_SENT CLOSED"
t_eq "no connection is known to one end only, but the refused" \
    "$(grep -vE '~.*~' "$tmp/joined" | grep -vcE ":1099-.*~SYN_SENT CLOSE$|:2099~CLOSED SYN_SENT CLOSED$")" 0
finish
