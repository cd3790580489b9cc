#!/usr/bin/env bash
# test_scope_states.sh - stackscope states against the kernel's own word: thousands of connections of
# every shape between two namespaces (helpers/shapes.c), a capture of the wire between them, and the
# tracepoint sock:inet_sock_set_state of both ends. No state may be told that the kernel was not in, none
# in another order; what nothing was lost of is told whole. Needs root (tracefs).
. "$(dirname "$0")/lib.sh"
need jq
shapes=$build/tests/live/shapes scope=$build/bin/stackscope
[ -x "$shapes" ] || skip "$shapes is not built"
[ "$(id -u)" = 0 ] || skip "tracefs and a second network namespace need root"

# Only ports of our shapes (shapes.c), that no other connections push ours out.
kernel_states 16384 "(sport >= 1000 && sport < 1100) || (dport >= 1000 && dport < 1100)"

net=10.$((100 + $$ % 100)).$((RANDOM % 256)) # and addresses of our own
seed=${STACKD_SEED:-$RANDOM} count=100
t "connections of 27 shapes, $count of most, seed $seed" "$shapes" "$net" "$tmp/wire.pcap" $count "$seed"
echo 0 >"$event/enable"
cp "$instance/trace" "$tmp/trace"
lost=$(kernel_states_lost)
t_eq "the tracepoint lost nothing" "$lost" 0
t "stackscope reads the capture" "$scope" states -j "$tmp/wire.pcap"
mv "$tmp/t.out" "$tmp/states.jsonl"

# Both as `END STATE STATE...`, an end as ADDRESS:PORT-ADDRESS:PORT. The kernel has no event of its own for
# TIME_WAIT: a socket that gets there ends, CLOSED. It has none for half-open connections either.
chain='{ if ($2 == "TIME_WAIT") $2 = "CLOSED"; if ($3 == "TIME_WAIT") $3 = "CLOSED"
         for (i = 2; i < 4; i++) if (end[$1] != $i) { all[$1] = all[$1] " " $i; end[$1] = $i } }
       END { for (c in all) print c all[c] }'
jq -r '"\(.conn) \(.from) \(.to)"' "$tmp/states.jsonl" | awk "$chain" >"$tmp/ours"
jq -r 'select(.presumed | not) | "\(.conn) \(.from) \(.to)"' "$tmp/states.jsonl" | awk "$chain" >"$tmp/shown"
grep -F "$net." "$tmp/trace" | tr ' ' '\n' | awk -F= '
    function name(s) { s = substr(s, 5); sub("FIN_WAIT", "FIN_WAIT_", s); sub("SYN_RECV", "SYN_RCVD", s); sub("^CLOSE$", "CLOSED", s); return s }
    $1 == "sport" { s = $2 } $1 == "dport" { d = $2 } $1 == "saddr" { a = $2 } $1 == "daddr" { b = $2 }
    $1 == "oldstate" { o = name($2) }
    $1 == "newstate" && s != 0 && d != 0 { print a ":" s "-" b ":" d, o, name($2) }' | awk "$chain" >"$tmp/kernel"

# Of each end: `SHAPE VERDICT ...`.
#   whole      state by state what the kernel says
#   part       no state that the kernel was not in, in its order, but not all: something is UNKNOWN, or the end was silent
#   half-open  the kernel has no event for it
#   unseen     its user closed, and its FIN had to wait behind text, or was lost before the capture, while the
#              other's came in: no capture shows that (in the shapes that lose frames)
#   presumed   what was presumed is wrong, what was shown is not (in the shapes that lose frames)
awk -v base=1000 '
    function fits(text, k, m,    o, n, i, j, last) { # its states, but UNKNOWN, are among k[1..m] in this order
        gsub(/ UNKNOWN/, "", text); n = split(text, o, " "); i = 1
        for (j = 1; j <= n; j++) {
            if (o[j] == last) continue
            last = o[j]
            while (i <= m && k[i] != last) i++
            if (i++ > m) return 0
        }
        return 1
    }
    FILENAME == ARGV[1] { key = $1; $1 = ""; kernel[key] = $0; next }
    FILENAME == ARGV[2] { key = $1; $1 = ""; shown[key] = $0; next }
    { key = $1; $1 = ""
      split(key, p, /[:-]/); shape = (p[2] < 20000 ? p[2] : p[4]) - base
      m = split(kernel[key], k, " "); crossed = kernel[key]
      sub("FIN_WAIT_1 CLOSING", "CLOSE_WAIT LAST_ACK", crossed); split(crossed, x, " ")
      if ($0 == kernel[key]) print shape, "whole"
      else if (m == 0 && $0 ~ /^ LISTEN SYN_RCVD( LISTEN)?$/) print shape, "half-open"
      else if (fits($0, k, m)) print shape, "part"
      else if (shape >= 23 && fits($0, x, m)) print shape, "unseen"
      else if (shape >= 23 && fits(shown[key], k, m)) print shape, "presumed"
      else print shape, "WRONG", key, "kernel:" kernel[key], "ours:" $0 }
    ' "$tmp/kernel" "$tmp/shown" "$tmp/ours" >"$tmp/verdicts"

number() { grep -cE "$1" "$tmp/verdicts"; }
t_eq "the kernel tells of as many ends as the connections have, or more" \
    "$([ "$(wc -l <"$tmp/kernel")" -ge $((count * 42)) ] && echo yes)" yes
t_eq "no wrong transition" "$(grep WRONG "$tmp/verdicts" | head -n 4)" ""
read -r client server < <(sed -n 's/.*WRONG [0-9.]*:\([0-9]*\)-[0-9.]*:\([0-9]*\) .*/\1 \2/p' "$tmp/verdicts" | head -n 1)
if [ -n "${client:-}" ]; then # what there was to see
    "$scope" states -v "$tmp/wire.pcap" "port $client and port $server" | sed 's/^/     /'
    "$scope" frames "$tmp/wire.pcap" "port $client and port $server" | tail -n 30 | sed 's/^/     /'
fi
for ((shape = 0; shape < 19; shape++)); do # HALF_OPEN of shapes.c is the last of the quick ones
    t_eq "shape $shape is told whole, at both ends" \
        "$(grep "^$shape " "$tmp/verdicts" | cut -d' ' -f2 | sort -u)" whole
done
t_eq "SYNs without an answer: told up to SYN_SENT" "$(number '^19 part$')" 50
t_eq "half-open: no ESTABLISHED where none was" "$(number '^20 (part|half-open)$')" 100
t "the ends that died are told until they fell silent" test "$(number '^2[12] (part|whole)$')" -eq 200
for shape in 23 24 25; do # with losses that the capture shows, nearly all is known
    t "lossy shape $shape: told whole, nine of ten" test "$(number "^$shape whole$")" -ge $((count * 2 * 9 / 10))
done
t "what was presumed is wrong in less than one of fifty, where frames are lost" \
    test "$(number ' presumed$')" -le $((count * 4 / 50))
t "what no capture shows is rare" test "$(number ' unseen$')" -le $((count * 4 / 20))
t "where the capture misses frames, a fifth is still told whole" test "$(number '^26 whole$')" -ge $((count * 2 / 5))
echo "     $(number whole) ends whole, $(number part) in part, $(number half-open) half-open," \
    "$(number unseen) unseen, $(number presumed) presumed wrongly, $(number WRONG) wrong"
finish
