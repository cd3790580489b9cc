#!/usr/bin/env bash
# test_echo.sh - netcat from the kernel to stackd's services, and from stackd to the kernel's.
. "$(dirname "$0")/lib.sh"
need nc sha256sum jq python3
start
head -c 20000000 /dev/urandom >"$tmp/data"
sum=$(sha256sum <"$tmp/data")

t_eq "20 MB through the echo service" "$(timeout 60 nc -N 10.0.0.2 7 <"$tmp/data" | sha256sum)" "$sum"
t_eq "a line through the UDP echo service" "$(echo hello | timeout 5 nc -u -w 1 10.0.0.2 7)" hello
t_match "daytime" "$(timeout 5 nc 10.0.0.2 13 </dev/null)" '20[0-9][0-9]'
t_eq "chargen goes on until we go" "$(timeout 5 nc 10.0.0.2 19 </dev/null | head -c 500000 | wc -c)" 500000
t "discard takes everything" sh -c "timeout 20 nc -N 10.0.0.2 9 <'$tmp/data'"
t "a closed port is refused" sh -c '! timeout 5 nc -z 10.0.0.2 81'

# The other way: sockets inside stackd.
# The peer is not `nc -l`: that one leaves, whatever it still has to send, as soon as it has read the end
# of the other direction and its buffers happen to be empty.
background python3 -c '
import socket, sys, threading
c, _ = socket.create_server(("10.0.0.1", 4000)).accept()
def send():
    with open(sys.argv[1], "rb") as f:
        c.sendfile(f)
    c.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send)
sender.start()
with open(sys.argv[2], "wb") as f:
    while b := c.recv(65536):
        f.write(b)
sender.join()' "$tmp/data" "$tmp/got"
server=$!
listening 4000
t_eq "stackctl nc: 20 MB from the kernel" "$(timeout 60 "$stackctl" --control "$control" nc 10.0.0.1 4000 <"$tmp/data" | sha256sum)" "$sum"
wait $server
t_eq "stackctl nc: 20 MB to the kernel, at the same time" "$(sha256sum <"$tmp/got")" "$sum"
# A peer that sends back what it gets, while it gets it: neither side may wait for the other.
background python3 -c '
import socket
c, _ = socket.create_server(("10.0.0.1", 4003)).accept()
while b := c.recv(65536):
    c.sendall(b)'
listening 4003
t_eq "stackctl nc: 20 MB there and back at once" \
    "$(timeout 60 "$stackctl" --control "$control" nc 10.0.0.1 4003 <"$tmp/data" | sha256sum)" "$sum"
t "stackctl nc: a refused connection is status 2" sh -c "'$stackctl' --control '$control' nc 10.0.0.1 4001 </dev/null; [ \$? = 2 ]"

background sh -c "timeout 20 '$stackctl' --control '$control' nc -l 5000 <'$tmp/data' >'$tmp/got2'"
server=$!
until ctl sock state listen sport 5000 | grep -q 5000; do :; done
t_eq "stackctl nc -l sends" "$(timeout 20 nc -N 10.0.0.2 5000 <"$tmp/data" | sha256sum)" "$sum"
wait $server
t_eq "stackctl nc -l receives" "$(sha256sum <"$tmp/got2")" "$sum"

background timeout 10 nc -u -l -W 1 10.0.0.1 4002 >"$tmp/udp"
server=$!
until ss -Hlun 'sport = :4002' | grep -q .; do :; done
echo over-udp | timeout 5 "$stackctl" --control "$control" nc -u 10.0.0.1 4002
wait $server
t_eq "stackctl nc -u" "$(cat "$tmp/udp")" over-udp
t_eq "no connection is left but TIME-WAIT" "$(ctl -j sock | jq '[.tcp[] | select(.state != "LISTEN" and .state != "TIME_WAIT")] | length')" 0
stop
t_eq "SIGTERM: status 0" "$status" 0
finish
