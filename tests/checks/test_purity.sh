#!/bin/sh
# test_purity.sh - the rules of the house that a compiler does not check.
#
# Usage: test_purity.sh BUILD-DIRECTORY
#
# The core archive may need nothing from outside but mem* and the assert handler; a layer includes
# only base, wire, itself and the layers below; nothing in stack/ knows tools/; the core includes
# only headers without an operating system behind them; no file has two nouns (800 lines).
. "$(dirname "$0")/lib.sh"
stack=$top/stack
archive=$build/stack/libstackd.a

# The files that know the operating system (stack/CMakeLists.txt keeps the same list).
is_port() {
    case $1 in
    l1_physical/port.[ch] | l1_physical/tap.[ch] | l1_physical/uring.[ch] | l1_physical/rawsock.[ch] | \
        l1_physical/netlink.[ch] | l1_physical/offload.[ch] | l1_physical/capture.[ch] | \
        l1_physical/pcapng.[ch]) return 0 ;;
    *) return 1 ;;
    esac
}

# Every include of stack/: file, then the name with its quotes or brackets.
cd "$stack" || exit 2
find . -name '*.c' -o -name '*.h' -o -name '*.def' | sed 's|^\./||' | sort >"$tmp/files"
while read -r file; do
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*/\1/p' "$file" |
        sed "s|^|$file |"
done <"$tmp/files" >"$tmp/includes"
if [ "$(wc -l <"$tmp/includes")" -lt 20 ]; then # a check of nothing would pass
    echo "no includes found in $stack" >&2
    exit 2
fi

# Undefined in one member and defined in another is resolved inside the archive. What the
# sanitizers and the stack protector put in is not ours; bcmp is what clang makes of a memcmp whose
# sign nobody looks at.
: >"$tmp/bad"
if [ ! -f "$archive" ]; then
    echo "$archive: no such file: build first" >"$tmp/bad"
else
    nm -P "$archive" 2>/dev/null | awk 'NF >= 2 && $2 ~ /^[TtDdBbRrVvWwCi]$/ { print $1 }' |
        sort -u >"$tmp/defined"
    nm -P "$archive" 2>/dev/null | awk 'NF >= 2 && $2 == "U" { print $1 }' | sort -u >"$tmp/wanted"
    [ -s "$tmp/defined" ] || echo "$archive: nm finds no symbols" >"$tmp/bad"
    comm -23 "$tmp/wanted" "$tmp/defined" |
        grep -Ev '^(memcpy|memset|memmove|memcmp|memchr|bcmp|net_assert_fail)$' |
        grep -Ev '^(__asan_|__ubsan_|__sanitizer_|__sancov_|__gcov_|__llvm_)' |
        grep -Ev '^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail)$' |
        sed 's/^/undefined symbol: /' >>"$tmp/bad"
fi
verdict "the core needs nothing but mem* and net_assert_fail"

# No writable data either: a global variable would be shared by two hosts.
: >"$tmp/bad"
if [ -f "$archive" ]; then
    nm -P "$archive" 2>/dev/null | awk 'NF >= 2 && $2 ~ /^[DdBbC]$/ { print $1 }' |
        grep -Ev '(__asan|__ubsan|__sancov|__odr_asan|\.L|^_*llvm|^__gcov)' |
        sed 's/^/writable: /' >"$tmp/writable"
    # Tables of constant pointers are writable until relocated in position-independent code
    # (.data.rel.ro), which nm shows as data: ask the section.
    objdump -t "$archive" 2>/dev/null | awk '$0 ~ / (\.data\.rel\.ro[^ \t]*)[ \t]/ { print $NF }' |
        sort -u >"$tmp/constant"
    while read -r word name; do
        grep -qxF "$name" "$tmp/constant" || echo "$word $name"
    done <"$tmp/writable" >"$tmp/bad"
    case $(cat "$build/CMakeCache.txt" 2>/dev/null) in
    *STACKD_SANITIZE:BOOL=ON*) : >"$tmp/bad" ;; # sanitizers add data of their own
    esac
fi
verdict "the core has no global variables"

: >"$tmp/bad"
while read -r file name; do
    layer=${file%%/*}
    case $name in
    '"net.h"') # the public API: above all layers
        case $layer in
        net.c | net.h) ;;
        *) echo "$file includes $name" ;;
        esac
        continue
        ;;
    '"'*/*) target=${name#\"} target=${target%%/*} ;;
    *) continue ;;
    esac
    case $layer in
    base) ok="base" ;;
    wire) ok="base wire" ;;
    net.c | net.h) ok="base wire l1_physical l2_link l3_network l4_transport l5_session" ;;
    *)
        ok="base wire"
        for below in l1_physical l2_link l3_network l4_transport l5_session l6_presentation \
            l7_application; do
            ok="$ok $below"
            [ "$below" = "$layer" ] && break
        done
        ;;
    esac
    case " $ok " in
    *" $target "*) ;;
    *) echo "$file includes $name" ;;
    esac
done <"$tmp/includes" >"$tmp/bad"
verdict "a layer includes only base, wire, itself and what is below"

awk '$2 ~ /^"\.\.?\// || $2 ~ /tools\// || $2 ~ /tests\// { print $1 " includes " $2 }' \
    "$tmp/includes" >"$tmp/bad"
verdict "nothing in stack/ includes tools/, tests/ or a relative path"

while read -r file name; do
    is_port "$file" && continue
    case $name in
    '<assert.h>' | '<stdbool.h>' | '<stddef.h>' | '<stdint.h>' | '<string.h>' | '<errno.h>') ;;
    '<'*) echo "$file includes $name" ;;
    esac
done <"$tmp/includes" >"$tmp/bad"
verdict "the core includes only headers without an operating system"

while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 800 ] || echo "$file has $lines lines"
done <"$tmp/files" >"$tmp/bad"
verdict "no file has more than 800 lines"

# Transport and session do not know which IP carries them: of l3_network they see ip.h, directly and
# through whatever they include, and nothing in them has a name of IPv4. IPv6 is then a new room.
: >"$tmp/bad"
find "$stack/l4_transport" "$stack/l5_session" -name '*.c' >"$tmp/neutral"
[ "$(wc -l <"$tmp/neutral")" -ge 10 ] || echo "hardly a file found" >"$tmp/bad"
while read -r file; do
    "${CC:-cc}" -MM -I"$stack" "$file" | tr ' \\' '\n\n' |
        grep -E '/(l3_network/.*|wire/(ip4|icmp4|igmp)\.h)$' | grep -v '/l3_network/ip\.h$' |
        sed "s|^|$(basename "$file") sees |"
done <"$tmp/neutral" >>"$tmp/bad"
grep -nE '\b(ip4|icmp4|IP4|ICMP4|ip_addr_v4|AF_INET)' "$stack"/l4_transport/*.[ch] \
    "$stack"/l4_transport/cc/*.[ch] "$stack"/l5_session/*.[ch] |
    grep -v 'V_DROP_ICMP4_' | sed "s|$stack/||" >>"$tmp/bad"
verdict "transport and session know nothing of IPv4"

finish purity
