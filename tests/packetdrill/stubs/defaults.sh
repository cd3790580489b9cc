#!/bin/sh
# defaults.sh - the settings that most scripts start from, noted for the plug-in.
#
# Takes the place of the script of this name beside packetdrill's tests. Written by ourselves: what
# a Linux host has when nobody has changed it, as far as the stack has such a setting. The file
# begins anew, for a script's settings are its own.
: >"${PACKETDRILL_SYSCTL_FILE:-/dev/null}"
exec "$(dirname "$0")/sysctl" -q \
    net.ipv4.tcp_timestamps=1 \
    net.ipv4.tcp_window_scaling=1 \
    net.ipv4.tcp_syn_retries=5 \
    net.ipv4.tcp_synack_retries=5 \
    net.ipv4.tcp_syncookies=1 \
    net.ipv4.tcp_fin_timeout=60 \
    net.ipv4.tcp_max_syn_backlog=1024 \
    net.core.somaxconn=128 \
    net.ipv4.tcp_congestion_control=cubic
