#!/usr/bin/env bash
# test_wireshark.sh - `stackctl wireshark` starts tshark on a live stack with nothing installed, as root, as the
# user behind sudo and as an ordinary user; `stackctl wireshark-install` puts everything where tshark looks
# for it, and takes it away again.
. "$(dirname "$0")/lib.sh"
need tshark ping nc
export HOME=$tmp/home TMPDIR=$tmp/tmp
mkdir "$tmp/home" "$tmp/tmp" "$tmp/config"
unset WIRESHARK_CONFIG_DIR XDG_CONFIG_HOME SUDO_UID SUDO_GID
shark() { tshark "$@" 2>/dev/null; }

# ---- installing: asks tshark, so HOME decides ----

install() { "$stackctl" wireshark-install "$@" 2>"$tmp/err"; }
t_match "--dry-run says what it would do" "$(install --user --dry-run)" 'would install .*/home/.*stackd\.lua'
t_eq "--dry-run does nothing" "$(find "$HOME" -type f)" ""
files=$(install --user)
t_eq "--user: status 0" $? 0
t_eq "--user: what it names is there" "$(while read -r file; do [ -s "$file" ] || echo "$file"; done <<<"$files")" ""
t_match "--user: an old Wireshark has no folder for extcap, and that is said" "$(cat "$tmp/err")" 'sudo stackctl wireshark-install|^$'
t_match "tshark has the fields" "$(shark -G fields | cut -f3)" '^stackd\.state\.to$'
t_match "tshark has the columns" "$(shark -C stackd -r "$top/captures/http.pcapng")" ' SYN_RCVD +.*\[SYN\]'
t_eq "a script that is named as well is no second one" \
    "$(tshark -X lua_script:"$top/tools/wireshark/stackd.lua" -r "$top/captures/http.pcapng" -Y stackd.state.to -T fields -e stackd.state.to 2>&1 | grep -v 'Running as' | head -n 1)" SYN_RCVD
profile=$(grep '/preferences$' <<<"$files")
echo "# mine" >>"$profile"
t_match "installing again keeps what the user changed" "$(install --user)" 'yours is now .*preferences~'
t_eq "in a file beside it" "$(tail -n 1 "$profile~")" "# mine"
rm "$profile~"
echo "own" >"$(dirname "$profile")/recent"
t "--remove" install --user --remove
t_eq "--remove leaves what is not ours" "$(find "$HOME" -type f -exec basename {} \;)" recent
rm "$(dirname "$profile")/recent"
install --user >/dev/null
install --user --remove >/dev/null
t_eq "--remove takes all that was installed" "$(find "$HOME" -type f; find "$HOME" -type d -name stackd)" ""
t "both at once: wrong usage" sh -c "'$stackctl' wireshark-install --user --system 2>/dev/null; [ \$? = 1 ]"

# A newer Wireshark has a folder for extcap programs of a user.
mkdir "$tmp/new"
cat >"$tmp/new/tshark" <<EOF
#!/bin/sh
printf 'Temp:\t/tmp\nPersonal configuration:\t$tmp/n/config\nGlobal configuration:\t$tmp/g/config\n'
printf 'Personal Lua Plugins:\t$tmp/n/lua\nGlobal Lua Plugins:\t$tmp/g/lua\nPersonal Extcap path:\t$tmp/n/extcap\nGlobal Extcap path:\t$tmp/g/extcap\n'
EOF
chmod +x "$tmp/new/tshark"
PATH=$tmp/new:$PATH install --user >"$tmp/out"
t_eq "a newer Wireshark: extcap for the user" "$(cd "$tmp/n" && find . -type f | sort | head -n 3 | tr '\n' ' ')" "./config/profiles/stackd/colorfilters ./config/profiles/stackd/dfilter_buttons ./config/profiles/stackd/io_graphs "
t "a newer Wireshark: it is the program" "$tmp/n/extcap/stackd-extcap" --version
t_eq "a newer Wireshark: nothing is missing" "$(cat "$tmp/err")" ""
PATH=$tmp/new:$PATH install --system >"$tmp/out"
t "--system: the global folders" test -x "$tmp/g/extcap/stackd-extcap" -a -s "$tmp/g/lua/stackd.lua" -a -s "$tmp/g/config/profiles/stackd/preferences"
mkdir "$tmp/none"
PATH=$tmp/none install --user >/dev/null
t_eq "no Wireshark at all: status 2" $? 2
t_match "and how to mend it" "$(cat "$tmp/err")" 'apt-get install wireshark'

# ---- on a live stack ----

start
export STACKD_CONTROL=$control
own() { "$stackctl" wireshark --program tshark "$@"; }
streams() { until ctl pcap | grep -q stream || ! kill -0 "$1" 2>/dev/null; do :; done; }
own -- -c 9 -Y stackd.state.to -T fields -e stackd.state.from -e stackd.state.to >"$tmp/out" 2>"$tmp/err" &
w=$!
pids+=($w)
streams $w
for _ in 1 2; do timeout 5 nc -N 10.0.0.2 7 </dev/null; done
wait $w
t_eq "root: status 0" $? 0
t_match "root: piped, with our fields" "$(cat "$tmp/out")" '^LISTEN.SYN_RCVD$'
own --filter icmp --sent -- -c 4 -T fields -e frame.interface_name >"$tmp/out" 2>"$tmp/err" &
w=$!
pids+=($w)
streams $w
ping -n -q -c 1 10.0.0.2 >/dev/null
wait $w
t_eq "root: --filter and --sent" "$(sort "$tmp/out" | uniq -c | tr -s ' \n' ' ')" " 2 sent 2 wire "
t_eq "nothing is left behind" "$(ls "$TMPDIR")" ""
"$stackctl" wireshark --filter 'tcp prt' --program tshark 2>"$tmp/err"
t_eq "a wrong filter: status 2" $? 2
t_match "and why" "$(cat "$tmp/err")" 'capture filter "tcp prt"'
"$stackctl" wireshark --program "$tmp/none/wireshark" 2>"$tmp/err"
t_eq "no such program: status 2" $? 2
t_match "and how to mend it" "$(cat "$tmp/err")" 'is not installed: sudo apt-get install wireshark'
STACKD_CONTROL="" "$stackctl" wireshark tap7 --program tshark 2>"$tmp/err"
t_match "a TAP that nobody serves" "$? $(cat "$tmp/err")" '^2 stackctl: no stackd serves tap7'

# What it is started with: a program that tells.
mkdir -p "$tmp/home/.config/wireshark/profiles/mine"
echo x >"$tmp/home/.config/wireshark/recent_common"
cat >"$tmp/tell" <<'EOF'
#!/bin/sh
echo "id $(id -u) args $*"
(cd "$WIRESHARK_CONFIG_DIR" && find -L . | sort | tr '\n' ' '; echo)
[ "$WIRESHARK_EXTCAP_DIR" ] && "$WIRESHARK_EXTCAP_DIR/stackd-extcap" --extcap-interfaces | grep ^interface
[ -t 0 ] || head -c 4 | od -An -tx1
EOF
chmod 755 "$tmp/tell" "$tmp"
chmod 1777 "$TMPDIR"
told=$("$stackctl" wireshark --program "$tmp/tell" -- -n </dev/null)
t_match "Wireshark is told to begin, with fields and profile" "$told" '^id 0 args -k -i - -X lua_script:/.*/stackd\.lua -C stackd -n$'
t_match "the user's settings are there, and our profile" "$told" '\./profiles/mine .*\./profiles/stackd/preferences .*\./recent_common'
t_match "and a capture" "$told" '^ 0a 0d 0d 0a'
as() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$tmp/home" "$@"; }
if setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    told=$(SUDO_UID=65534 SUDO_GID=65534 "$stackctl" wireshark --program "$tmp/tell" </dev/null)
    t_match "by sudo it runs as the user" "$told" '^id 65534 '
    t_match "by sudo it gets the capture" "$told" '^ 0a 0d 0d 0a'
    chmod 666 "$control"
    told=$(as "$stackctl" wireshark --program "$tmp/tell" --sent --filter icmp </dev/null)
    t_match "an ordinary user: by stackd-extcap" "$told" ' -i stackd-tap0 .* -f icmp -o extcap.stackd_tap0.sent:true$'
    t_match "which is found" "$told" '^interface \{value=stackd-tap0\}'
    as "$stackctl" wireshark --program tshark --filter icmp -- -c 2 >"$tmp/out" 2>"$tmp/err" &
    w=$!
    pids+=($w)
    streams $w
    ping -n -q -c 1 10.0.0.2 >/dev/null
    wait $w
    t_eq "an ordinary user: tshark captures so" "$(grep -c Echo "$tmp/out")" 2
    t_eq "nothing is left behind by them" "$(ls "$TMPDIR")" ""
fi

# The reader of a stream has gone, and nothing more comes: that is noticed all the same.
timeout 10 "$stackctl" --control "$control" pcap start - icmp 2>/dev/null | head -c 100 >/dev/null
t_eq "and at once" "${PIPESTATUS[0]}" 0
t_eq "a stream ends with its reader" "$(ctl pcap)" "nothing is being captured"
stop
finish
