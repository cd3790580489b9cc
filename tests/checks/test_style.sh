#!/bin/sh
# test_style.sh - what may never be in the source, as far as a text search can tell.
#
# Usage: test_style.sh BUILD-DIRECTORY
#
# test_purity.sh asks the library (symbols, includes); this script asks the text: states are written
# in one place, packets refused in one, TCP's timers set in three files, no struct is laid over the
# bytes of a packet, functions fit a screen, tests wait for nothing.
. "$(dirname "$0")/lib.sh"

# Source without comments and strings, so that words in sentences do not count; lines stay.
strip() {
    awk '
    { line = $0; out = ""
      gsub(/\\"/, "", line)
      while (line != "") {
          if (inside) {
              i = index(line, "*/")
              if (i == 0) { line = ""; break }
              line = substr(line, i + 2); inside = 0
          } else {
              i = match(line, /\/\*|\/\/|"/)
              if (i == 0) { out = out line; break }
              out = out substr(line, 1, i - 1)
              word = substr(line, i, 2)
              if (word == "/*") { inside = 1; line = substr(line, i + 2) }
              else if (word == "//") { break }
              else { rest = substr(line, i + 1); j = index(rest, "\"")
                     out = out "\"\""; line = j ? substr(rest, j + 1) : "" }
          }
      }
      print FILENAME ":" FNR ":" out }' "$@"
}

find stack -name '*.c' -o -name '*.h' | sort >"$tmp/stack"
grep -vE 'l1_physical/(port|port_impl|tap|uring|rawsock|netlink|offload|capture|pcapng)\.[ch]' "$tmp/stack" >"$tmp/core"
[ "$(wc -l <"$tmp/core")" -ge 50 ] || { echo "style: the core was not found" >&2; exit 2; }
# shellcheck disable=SC2046
strip $(cat "$tmp/core") >"$tmp/core.text"
# shellcheck disable=SC2046
strip $(cat "$tmp/stack") >"$tmp/stack.text"

# Words that promise work, in what we wrote (this file has to name them).
grep -rnwE 'TODO|FIXME|HACK|XXX' stack tools docs tests README.md CHANGELOG.md CMakeLists.txt \
    --include='*.c' --include='*.h' --include='*.sh' --include='*.py' --include='*.md' --include='*.txt' \
    --include='*.def' 2>/dev/null | grep -v '^tests/checks/test_style.sh' >"$tmp/bad"
verdict "nothing is promised for later"

grep -E '[^a-z_](malloc|calloc|realloc|free|printf|[a-z]*printf|puts|time|clock_gettime|gettimeofday|getrandom|rand|random|pthread_[a-z_]+|read|write|ioctl|open|sendmsg|recvmsg)\(' "$tmp/core.text" |
    grep -vE '(->|\.|\*)(open|read|write|close|time|free)\(|f->(open|read)|[a-z]+ (open|read|write|time)\(' >"$tmp/bad"
verdict "the core calls no allocator, clock, printer or system"

# The state of a connection. A record that takes another's place starts with a copy of its state,
# and initialisers set what a record is born with.
grep 'l4_transport/tcp' "$tmp/core.text" | grep -v '/tcp_fsm\.c:' |
    grep -E '(->|[a-z_]\.|[])]\.)state[[:space:]]*(=[^=]|[-+|&]=|\+\+)' |
    grep -vE 'conn\.state = ([a-z]+->(conn\.)?state|\(uint8_t\)tcp_idle_state\(i\));' >"$tmp/bad"
grep -E '(->|[a-z_]\.)(conn\.)?state = (\(uint8_t\))?TCP_' "$tmp/core.text" | grep -v '/tcp_fsm\.c:' >>"$tmp/bad"
grep -cE 'c->state = \(uint8_t\)a->to' stack/l4_transport/tcp_fsm.c | grep -vx 1 |
    sed 's/^/tcp_fsm.c writes the state in this many places: /' >>"$tmp/bad"
verdict "a state is written by tcp_event() only"

grep -E 'drops\[[^]]*\][[:space:]]*(\+\+|\+?=[^=])|(\+\+|--)[a-z>.-]*drops\[' "$tmp/stack.text" >"$tmp/drops"
grep -v '^stack/net\.c:' "$tmp/drops" >"$tmp/bad"
[ "$(grep -c '^stack/net\.c:' "$tmp/drops")" = 1 ] || echo "net.c counts refusals in more than one place" >>"$tmp/bad"
verdict "a packet is refused by net_drop() only"

# Full connections have all their timers in tcp_timer.c; the small records have one each, and
# those of tcp_idle.c keep what they were; tcp_timer_rest.c's is that of all together.
grep 'l4_transport/' "$tmp/core.text" | grep -E '[^_a-z]timer_arm\(' |
    grep -vE '/(tcp_timer|tcp_timer_rest|tcp_listen|tcp_timewait|tcp_idle)\.c:' >"$tmp/bad"
grep 'l4_transport/' "$tmp/core.text" | grep -E '(rtx_at|delack_at|life_at)[[:space:]]*=[^=]' |
    grep -vE '/tcp_timer\.c:|NET_NEVER|life_at = [a-z]->life_at' >>"$tmp/bad"
verdict "TCP's timers are set where they belong"

grep -E '__attribute__|#pragma pack|_Pragma' "$tmp/stack.text" | grep -E 'pack' >"$tmp/bad"
grep -E '\((const )?(struct [a-z0-9_]+|uint(16|32|64)_t) ?\*\) ?(\(void \*\))?(pkt_data|p->buf|s\.p|pkt_span|buf)' \
    "$tmp/core.text" >>"$tmp/bad"
grep -E 'ntoh[sl]\(|hton[sl]\(' "$tmp/core.text" >>"$tmp/bad"
verdict "no struct is laid over the bytes of a packet"

grep -E '\.v [<>]=? [a-z]' "$tmp/core.text" | grep -i 'seq' | grep -v 'base/seq\.h' >"$tmp/bad"
verdict "sequence numbers are compared by seq_lt() and its kin"

# From the brace in the first column to the one that closes it.
find stack tools -name '*.c' -o -name '*.h' | sort | xargs awk '
    /^{/ { start = FNR } /^}/ { if (start && FNR - start + 1 > 70)
        print FILENAME ":" start ": " FNR - start + 1 " lines"; start = 0 } FNR == 1 { start = 0 }' >"$tmp/bad"
verdict "functions fit a screen (70 lines)"

find stack tools tests -name '*.c' -o -name '*.h' | sort | xargs wc -l | awk '$2 != "total" && $1 > 800' >"$tmp/bad"
verdict "no file has two nouns (800 lines)"

# Unit, conformance, script and simulation tests live in virtual time.
find tests/unit tests/conformance tests/script tests/sim -name '*.c' -o -name '*.h' | sort >"$tmp/tests"
# shellcheck disable=SC2046
strip $(cat "$tmp/tests") | grep -E '[^a-z_](sleep|usleep|nanosleep|clock_nanosleep|clock_gettime|gettimeofday|time|alarm|socket|system)\(' \
    >"$tmp/bad"
verdict "no test in virtual time sleeps, asks a clock or opens a socket"

# Each layer's reasons and sentences: none empty, none twice.
sed -n 's/^VERDICT(\([A-Z0-9_]*\),.*/\1/p' stack/base/verdict.def | sort | uniq -d |
    sed 's/^/twice in verdict.def: /' >"$tmp/bad"
for reason in $(sed -n 's/^VERDICT(\([A-Z0-9_]*\),.*/\1/p' stack/base/verdict.def); do
    grep -rqw "V_DROP_$reason" stack tools/stackd --include='*.c' --include='*.h' ||
        echo "V_DROP_$reason is given by nobody"
done >>"$tmp/bad"
verdict "every reason in verdict.def is given by somebody"

finish style
