# lib.sh - what the checks share. Source it first: it wants the build directory as $1.
#
#     . "$(dirname "$0")/lib.sh"
#
# Leaves in $top the checkout (and goes there), in $build the build directory, in $tmp a folder that
# is removed at the end.
#
#     verdict NAME    one check: it fails when $tmp/bad has something in it, which is shown
#     finish NAME     the closing line, and the exit status
set -u
LC_ALL=C
export LC_ALL
if [ $# -ne 1 ]; then
    echo "usage: $0 BUILD-DIRECTORY" >&2
    exit 1
fi
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
build=$(cd "$1" && pwd) || exit 2
passed=0
failed=0
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
cd "$top" || exit 2

verdict() {
    if [ -s "$tmp/bad" ]; then
        echo "FAIL $1"
        sed 's/^/     /' "$tmp/bad" | head -n 20
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}

finish() {
    echo "$1: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
