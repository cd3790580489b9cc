#!/usr/bin/env bash
# goodput.sh - draw docs/goodput.svg: goodput over loss, for each congestion control, SACK on and off.
#
#   tests/bench/goodput.sh [BUILD]           measure, write docs/goodput.dat, draw (a minute or two)
#   tests/bench/goodput.sh --draw            draw docs/goodput.dat as it is
#   tests/bench/goodput.sh --check [BUILD]   measure, compare with docs/goodput.dat: 10 % off is too much
#
# BUILD is the build directory, default build/. The measurement (goodput.c) runs in virtual time, so it
# gives the same numbers everywhere; drawing needs gnuplot (apt-get install gnuplot-nox).
set -u
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 2
check=0 measure=1
[ "${1:-}" = --check ] && { check=1; shift; }
[ "${1:-}" = --draw ] && { measure=0; shift; }
program=${1:-$top/build}/tests/bench/goodput
[ $measure = 0 ] || [ -x "$program" ] || { echo "goodput.sh: no $program: build first, or name the build directory" >&2; exit 1; }

if [ $check = 1 ]; then
    "$program" | awk '
        FNR == NR { for (i = 1; i <= NF; i++) want[FNR, i] = $i; next }
        FNR > 1 { for (i = 2; i <= NF; i++)
            if ($i < 0.9 * want[FNR, i] || $i > 1.1 * want[FNR, i]) {
                printf "goodput.sh: column %d at %s %% lost: %s, docs/goodput.dat has %s\n", i, $1, $i, want[FNR, i]
                bad = 1
            } }
        END { exit bad }' "$top/docs/goodput.dat" -
    exit
fi
command -v gnuplot >/dev/null || { echo "goodput.sh: no gnuplot: apt-get install gnuplot-nox" >&2; exit 1; }
[ $measure = 0 ] || "$program" >"$top/docs/goodput.dat" || exit 2
gnuplot <<EOF || exit 2
set terminal svg size 800,520 font "sans-serif,13" background "white"
set output "$top/docs/goodput.svg"
set title "Goodput over random loss (100 Mbit/s, 40 ms, a queue of as much)"
set logscale xy
set xlabel "frames lost, per cent"
set ylabel "goodput, Mbit/s"
set xrange [0.01:10]
set yrange [0.5:120]
set ytics (0.5, 1, 2, 5, 10, 20, 50, 100)
set grid
set key bottom left
plot for [i = 0:2] "$top/docs/goodput.dat" using 1:(column(2 + i)) with linespoints lt (i + 1) lw 2 pt 7 ps 0.5 \\
         title word("Reno CUBIC BBR", i + 1), \\
     for [i = 0:2] "" using 1:(column(5 + i)) with linespoints lt (i + 1) lw 1 dt 2 pt 6 ps 0.5 \\
         title word("Reno CUBIC BBR", i + 1).", no SACK", \\
     "" using 1:8 with lines lt -1 dt 3 title "MSS / RTT / sqrt(p)"
EOF
echo "docs/goodput.svg written"
