#!/bin/sh
# test_instructions.sh - no path of the core needs over 5 % more instructions than the table says.
#
# Usage: test_instructions.sh BUILD-DIRECTORY
#
# tests/bench/instructions.sh counts them; docs/instructions.md is the table.
exec "$(dirname "$0")/../bench/instructions.sh" --check "$@"
