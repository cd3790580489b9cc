#!/usr/bin/env bash
# test_arping.sh - ARP as other stations use it: requests, probes for a duplicate address, a station
# that claims our address while we run, one that had it before we came (RFC 826, RFC 5227).
. "$(dirname "$0")/lib.sh"
need arping jq ping
mac() { sed -n 's/^stackd: ready: .* \(..:..:..:..:..:..\),.*/\1/p' "$tmp/stackd.err"; }
start --trace "$tmp/t.jsonl"
if arping --help 2>&1 | grep -q -- '-0'; then # Thomas Habets's
    out=$(arping -c 3 -W 0.01 -i tap0 10.0.0.2 2>&1)
    t_eq "three requests, three answers" "$(grep -c "$(mac)" <<<"$out")" 3
    t_match "a probe for a duplicate address (source 0.0.0.0) is answered" "$(arping -0 -c 1 -i tap0 10.0.0.2 2>&1)" "$(mac)"
    t "nobody answers for another address" sh -c '! arping -c 1 -w 1 -i tap0 10.0.0.77'
    t_match "by MAC: an ICMP echo to it" "$(arping -c 1 -T 10.0.0.2 -i tap0 "$(mac)" 2>&1)" '1 packets received'
    arping -c 1 -U -S 10.0.0.2 -i tap0 10.0.0.2 >/dev/null 2>&1
else # iputils
    out=$(arping -c 3 -I tap0 10.0.0.2 2>&1)
    t_match "requests are answered" "$out" '[1-3] response'
    t "a probe for a duplicate address finds ours" sh -c '! arping -D -c 1 -I tap0 10.0.0.2'
    arping -c 1 -U -s 10.0.0.2 -I tap0 10.0.0.2 >/dev/null 2>&1
fi
t "after somebody claimed our address, it answers" ping -n -q -c 1 -W 2 10.0.0.2
t_match "and it defended itself" "$(jq -r 'select(.kind == "conflict") | .what' "$tmp/t.jsonl" | tr '\n' ' ')" 'defend'
t_match "the claim is counted" "$(ctl stats drop.arp.conflict)" ' 1$'
t_eq "it still knows the kernel's end" "$(ctl neigh | grep -c '^10.0.0.1 .*REACHABLE')" 1
stop
t_eq "at the start it probed three times and announced itself" \
    "$(jq -r 'select(.kind == "conflict") | .what' "$tmp/t.jsonl" | sort | uniq -c | awk '{ print $1, $2 }' | grep -E 'probe|announce' | tr '\n' ' ')" \
    "$(jq -r 'select(.kind == "conflict") | .what' "$tmp/t.jsonl" | grep -c announce) announce 3 probe "

# A station with this address is there already: the kernel. It is another machine for stackd, which
# has the TAP, but runs in a network namespace of its own.
tapfd=$build/tests/live/tapfd
if [ -x "$tapfd" ]; then
    ip tuntap add tap9 mode tap
    ip addr add 10.0.0.2/24 dev tap9
    ip link set tap9 up
    taken=$(ip -br link show tap9 | grep -oE '(..:){5}..' | head -n 1)
    out=$(timeout 10 "$tapfd" tap9 9 unshare --net "$stackd" --fd 9 --no-host-config --control "$control" 2>&1)
    t_eq "an address that is taken: exit 2" "$?" 2
    t_match "and the other's MAC" "$out" "^stackd: .*10\\.0\\.0\\.2.*$taken"
    t_eq "in one line" "$(wc -l <<<"$out")" 1
fi
finish
