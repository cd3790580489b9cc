#!/usr/bin/env bash
# test_pmtu.sh - the kernel as a router with a narrow link behind it: what it reports is followed,
# and where it reports nothing, the narrow place is found.
. "$(dirname "$0")/lib.sh"
need ip jq nc sysctl
narrow_link

start --service chargen
t_eq "route show cache: nothing at first" "$(ctl route show cache)" ""
t_eq "300 kB arrive behind the narrow link" "$(in_far timeout 10 nc 10.0.0.2 19 </dev/null | head -c 300000 | wc -c)" 300000
t_match "route show cache: the path is known" "$(ctl route show cache | tr '\n' ' ')" '^10\.9\.0\.2 via 10\.0\.0\.1 dev tap0 +cache expires [56][0-9][0-9]sec mtu 1000'
t_match "and as JSON" "$(ctl -j route show cache)" '"mtu":1000|"mtu": 1000'
t "route flush cache IP" ctl route flush cache 10.9.0.2
t_eq "it is forgotten" "$(ctl route show cache)" ""
t "route flush cache of an unknown one is refused" sh -c "! '$stackctl' --control '$control' route flush cache 10.9.0.7"
t "route flush cache" ctl route flush cache
stop
t_eq "SIGTERM: status 0" "$status" 0

# A black hole: the far end's link takes 1200 bytes and drops what is longer without a word, while its TCP says 1460.
ip route replace 10.9.0.0/24 dev v0
in_far ip link set v1 mtu 1200
in_far ip route replace default via 10.9.0.1 advmss 1460
start --service chargen --pmtu always
t_eq "1 MB arrives behind a black hole" "$(in_far timeout 20 nc 10.0.0.2 19 </dev/null | head -c 1000000 | wc -c)" 1000000
t "what was too long was probes, and nothing else" test "$(ctl -j stats tcp.mtu_probes_lost | jq '.counters[0].value')" -ge 1
t_match "what passes was found, within 8 bytes" "$(ctl route show cache | tr '\n' ' ')" '^10\.9\.0\.2 .* mtu (1200|119[2-9])'
stop
finish
