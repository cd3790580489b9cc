#!/usr/bin/env bash
# test_extcap.sh - a running stackd is an interface of Wireshark's: tshark itself finds stackd-extcap, lists it,
# captures through it, with filter, options and comments; the toolbar's pipes change the bad wire.
. "$(dirname "$0")/lib.sh"
need tshark python3 ping nc
extcap=$build/bin/stackd-extcap
lua=$top/tools/wireshark/stackd.lua
export HOME=$tmp WIRESHARK_CONFIG_DIR=$tmp/config STACKD_CONTROL=$control
mkdir "$tmp/extcap" "$tmp/config"
ln -s "$extcap" "$tmp/extcap"

# tshark does not take WIRESHARK_EXTCAP_DIR from root: the folder where it looks becomes ours, in here.
folder=$(tshark -G folders 2>/dev/null | sed -n 's/^\(Global \)\{0,1\}Extcap path:[[:space:]]*//p' | head -n 1)
[ -n "$folder" ] || folder=/usr/lib/wireshark/extcap
[ -d "$folder" ] || mkdir -p "$folder" 2>/dev/null
mount --bind "$tmp/extcap" "$folder" 2>/dev/null || skip "may not mount on $folder"

start
t_match "tshark -D lists it" "$(tshark -D 2>/dev/null)" 'stackd-tap0 \(stackd tap0: 10\.0\.0\.2/24\)'

# capture NAME OPTIONS...: tshark in the background on the interface; waits until frames are streamed to it.
capture() {
    local name=$1
    shift
    tshark -i stackd-tap0 -X lua_script:"$lua" "$@" >"$tmp/$name" 2>"$tmp/$name.err" &
    shark=$!
    pids+=($shark)
    until ctl pcap | grep -q stream || ! kill -0 $shark 2>/dev/null; do :; done
}
complaints() { grep -vE 'Running as user|^Capturing on|^ \*\* .*(Capture started|File:|Capture stopped)|^[0-9]+ packets? captured|^(tshark: *)?$' "$tmp/$1.err"; } # it says `tshark: ' at the end of any pipe

capture icmp -f 'icmp' -c 6 -T fields -e frame.interface_name -e icmp.type -e frame.packet_flags_direction
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
wait $shark
t_eq "with a filter: three pings" "$(tr -d '\t' <"$tmp/icmp" | tr '\n' ' ')" \
    "wire80x00000001 wire00x00000002 wire80x00000001 wire00x00000002 wire80x00000001 wire00x00000002 "
t_eq "tshark complains of nothing" "$(complaints icmp)" ""

capture states -f 'tcp' -a packets:9 -Y stackd.state.to -T fields -e stackd.state.from -e stackd.state.to -e stackd.state.cause
for _ in 1 2; do timeout 5 nc -N 10.0.0.2 7 </dev/null; done
wait $shark
t_match "comments arrive, and are fields" "$(cat "$tmp/states")" '^LISTEN.SYN_RCVD.rcv SYN$'
t_match "those of frames that go out, too" "$(cat "$tmp/states")" '^CLOSE_WAIT.LAST_ACK.close$'

# The user's choices come as options.
capture sent -f 'icmp' -c 12 -o extcap.stackd_tap0.sent:true -T fields -e frame.interface_name
ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
wait $shark
t_eq "--sent: a second interface" "$(sort "$tmp/sent" | uniq -c | tr -s ' \n' ' ')" " 6 sent 6 wire "
mkfifo "$tmp/hold"
nc 10.0.0.2 7 <"$tmp/hold" >"$tmp/echo" &
pids+=($!)
exec {hold}>"$tmp/hold"
until ctl -j sock | grep -q '"state": "ESTABLISHED"'; do :; done
config=$("$extcap" --extcap-config --extcap-interface stackd-tap0 --extcap-reload-option connection)
conn=$(sed -n 's/^value {arg=0}{value=\(10\.0\.0\.2:7-[^}]*\)}{display=.* ESTABLISHED}$/\1/p' <<<"$config" | head -n 1)
t_match "reloading lists the connections" "$conn" '^10\.0\.0\.2:7-10\.0\.0\.1:[0-9]+$'
capture one -o "extcap.stackd_tap0.connection:$conn" -o extcap.stackd_tap0.snaplen:60 -c 2 -T fields -e tcp.srcport -e tcp.dstport -e frame.cap_len
timeout 5 nc -z 10.0.0.2 13
echo hello >&$hold
wait $shark
exec {hold}>&-
port=${conn##*:}
t_match "--connection: only that one" "$(tr '\t\n' '- ' <"$tmp/one")" "^$port-7-60 7-$port-60 $"

capture bad -f 'tcp prt' -c 1
wait $shark
t "a wrong filter: tshark fails" test $? -ne 0
t_match "a wrong filter: and says why" "$(cat "$tmp/bad.err")" 'prt|syntax error'
t_match "a filter is checked while it is typed" "$("$extcap" --extcap-interface stackd-tap0 --extcap-capture-filter 'tcp prt')" 'syntax error'
t_eq "a right one gives no answer" "$("$extcap" --extcap-interface stackd-tap0 --extcap-capture-filter 'tcp port 80')" ""
t_eq "its link type" "$("$extcap" --extcap-interface stackd-tap0 --extcap-dlts)" "dlt {number=1}{name=EN10MB}{display=Ethernet}"
"$extcap" --capture --extcap-interface stackd-tap9 --fifo "$tmp/none" 2>"$tmp/err"
t_eq "an interface that is not there: status 2" $? 2
t_match "and a line that says so" "$(cat "$tmp/err")" '^stackd-extcap: there is no stackd-tap9'
"$extcap" --capture --extcap-interface stackd-tap0 --connection 10.0.0.2 --fifo "$tmp/none" 2>/dev/null
t_eq "a connection that is none: status 2" $? 2

# As an ordinary user does without installing anything.
chmod 755 "$tmp"
chmod 666 "$control"
if setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    user() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent WIRESHARK_CONFIG_DIR=/nonexistent "$@"; }
    umount "$folder"
    t_eq "installed nowhere: not in the list" "$(user tshark -D 2>/dev/null | grep -c stackd-tap0)" 0
    mkdir "$tmp/empty"
    t_match "WIRESHARK_EXTCAP_DIR: in the list" "$(user env WIRESHARK_EXTCAP_DIR="$tmp/extcap" tshark -D 2>/dev/null)" 'stackd-tap0'
    user env WIRESHARK_EXTCAP_DIR="$tmp/extcap" tshark -i stackd-tap0 -f icmp -c 2 >"$tmp/user" 2>"$tmp/user.err" &
    shark=$!
    pids+=($shark)
    until ctl pcap | grep -q stream || ! kill -0 $shark 2>/dev/null; do :; done
    ping -n -q -c 1 10.0.0.2 >/dev/null
    wait $shark
    t_eq "WIRESHARK_EXTCAP_DIR: captures" "$(grep -c Echo "$tmp/user")" 2
    chmod 600 "$control"
    t_match "not this user's: says how to reach it" "$(user "$extcap" --extcap-interfaces)" 'interface \{value=stackd-control\}.*sudo stackctl wireshark'
fi

# The toolbar, by its pipes.
t "the toolbar's pipes" python3 "$live_dir/helpers/toolbar.py" "$extcap" "$stackctl" "$control" "$tmp"

# When there is nothing to read, the reader sees the end, however long the refusal takes.
mkfifo "$tmp/refused"
"$extcap" --capture --extcap-interface stackd-tap9 --fifo "$tmp/refused" 2>/dev/null &
e=$!
t_eq "a refusal ends the reader as well" "$(timeout 20 cat "$tmp/refused"; echo $?)" 0
wait $e
t_eq "with status 2" $? 2

# Nobody ever reads: it waits, until who started it has gone, or has enough.
mkfifo "$tmp/unread" "$tmp/go"
waits() { # is it the program, and does it catch SIGTERM already? Then it is about to wait, or waits
    until { [ "$(readlink "/proc/$1/exe")" = "$extcap" ] && grep -qE '^SigCgt:.*[4-7c-f][0-9a-f]{3}$' "/proc/$1/status"; } || ! kill -0 "$1" 2>/dev/null; do :; done
}
sh -c "'$extcap' --capture --extcap-interface stackd-tap0 --fifo '$tmp/unread' & echo \$! >'$tmp/orphan'; read -r go <'$tmp/go'" &
mother=$!
until [ -s "$tmp/orphan" ]; do :; done
orphan=$(cat "$tmp/orphan")
pids+=("$orphan")
waits "$orphan"
t "nobody reads: it waits" kill -0 "$orphan"
kill $mother
until [ ! -e "/proc/$orphan" ] || grep -q '^State:.Z' "/proc/$orphan/status"; do :; done 2>/dev/null
ok "nobody reads: it ends with who started it"
"$extcap" --capture --extcap-interface stackd-tap0 --fifo "$tmp/unread" &
e=$!
waits $e
kill $e
wait $e
t_eq "nobody reads: or by SIGTERM" "$?" 0

# The capture ends with a whole file: by SIGTERM, and when the stackd ends.
mkfifo "$tmp/fifo"
for how in SIGTERM "the stackd's end"; do
    "$extcap" --capture --extcap-interface stackd-tap0 --fifo "$tmp/fifo" 2>"$tmp/err" &
    e=$!
    pids+=($e)
    cat "$tmp/fifo" >"$tmp/whole.pcapng" &
    reader=$!
    until ctl pcap | grep -q stream; do :; done
    ping -n -q -c 3 -i 0.01 10.0.0.2 >/dev/null
    if [ "$how" = SIGTERM ]; then kill $e; else stop; fi
    wait $e
    t_eq "$how: status 0" $? 0
    wait $reader
    t_eq "$how: the file can be read to its end" "$(tshark -r "$tmp/whole.pcapng" -Y icmp 2>&1 >"$tmp/echoes" | grep -v 'Running as'; grep -c Echo "$tmp/echoes")" 6
    t_eq "$how: with its statistics" "$(last_block "$tmp/whole.pcapng")" 5
done
finish
