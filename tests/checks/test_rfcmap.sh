#!/bin/sh
# test_rfcmap.sh - docs/rfc-map.md is the one that tests and comments give, and every REQ: tag
# names a requirement that exists.
#
# Usage: test_rfcmap.sh [BUILD-DIRECTORY]
#
# The table of requirements lies beside the checkout. Where there is none nothing can be compared,
# and the document stays as it is: skipped, 77.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
python3 "$top/tools/gen-rfcmap/gen-rfcmap.py" --check
status=$?
case $status in
0) echo "rfcmap: 1 passed, 0 failed" ;;
77)
    echo "rfcmap: 0 passed, 0 failed, 1 skipped"
    exit 77
    ;;
*)
    echo "FAIL docs/rfc-map.md"
    echo "rfcmap: 0 passed, 1 failed"
    exit 1
    ;;
esac
