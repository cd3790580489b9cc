#!/bin/sh
# test_lines.sh - no path of the core touches more cache lines of a connection's block than the table says.
#
# Usage: test_lines.sh BUILD-DIRECTORY
#
# tests/bench/lines.py counts them; docs/instructions.md is the table.
exec python3 "$(dirname "$0")/../bench/lines.py" --check --build "$1"
