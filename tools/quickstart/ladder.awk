# ladder.awk - a connection as a ladder, from a trace of stackd (--trace FILE).
#
#     awk -f ladder.awk [-v conn=10.0.0.2:80-10.0.0.1:40112] [-v port=80] trace.jsonl
#
# Draws the first connection whose local port is `port`, or the one named. Our states are those of
# the trace (kind tcp_state, joined with the segment by its frame number). The other end's are
# derived from what it sends and receives by the arrows of RFC 9293, Figure 5: nobody told us, but
# a correct TCP has no choice. Sequence numbers are relative, as Wireshark shows them.

function text(key,    s) { # a member of the JSON object in $0, as text
    if (!match($0, "\"" key "\":(\"[^\"]*\"|[-0-9.]+)")) return ""
    s = substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
    gsub(/"/, "", s)
    return s
}

function repeat(c, n,    s) { s = ""; while (n-- > 0) s = s c; return s }

function relative(seq, base,    d) { d = seq - base; return d < 0 ? d + 4294967296 : d }

function flag_names(f,    i, s, c) {
    s = ""
    for (i = 1; i <= length(f); i++) {
        c = substr(f, i, 1)
        s = s (s == "" ? "" : ",") (c == "S" ? "SYN" : c == "F" ? "FIN" : c == "R" ? "RST" : c == "P" ? "PSH" : c == "." ? "ACK" : c)
    }
    return s
}

# The other end sends (dir "in") or receives ("out") a segment with these flags.
function peer_step(dir, f, acks_its_fin) {
    if (index(f, "R")) return "CLOSED"
    if (dir == "in") {
        if (index(f, "S")) return index(f, ".") ? "SYN_RCVD" : "SYN_SENT"
        if (peer == "SYN_SENT") return "ESTABLISHED"
        if (index(f, "F") && peer == "ESTABLISHED") return "FIN_WAIT_1"
        if (index(f, "F") && peer == "CLOSE_WAIT") return "LAST_ACK"
        return peer
    }
    if (index(f, "S")) return peer == "SYN_SENT" ? "ESTABLISHED" : peer
    if (peer == "SYN_RCVD" && index(f, ".")) peer = "ESTABLISHED"
    if (acks_its_fin) {
        if (peer == "LAST_ACK") return "CLOSED"
        if (peer == "CLOSING") return "TIME_WAIT"
        if (peer == "FIN_WAIT_1") peer = "FIN_WAIT_2"
    }
    if (index(f, "F")) {
        if (peer == "ESTABLISHED") return "CLOSE_WAIT"
        if (peer == "FIN_WAIT_1") return "CLOSING"
        if (peer == "FIN_WAIT_2") return "TIME_WAIT"
    }
    return peer
}

function line(left, middle, right, when,    out) {
    out = sprintf("%9s  %-12s %s  %s", when, left, middle, right)
    sub(/ +$/, "", out)
    print out
}

text("kind") == "tcp_state" || text("kind") == "seg" {
    c = text("conn")
    if (conn == "") {
        split(c, ends, "-")
        n = split(ends[1], local, ":")
        if (local[n] != (port == "" ? 80 : port) || text("kind") != "seg" || text("flags") != "S") next
        conn = c
    }
    if (c != conn) next
    if (text("kind") == "seg") {
        frame[++segs] = text("frame"); dir[segs] = text("dir"); flags[segs] = text("flags")
        seq[segs] = text("seq") + 0; ack[segs] = text("ack") + 0; len[segs] = text("len") + 0; at[segs] = text("t") + 0
    } else if (text("frame") > 0) {
        to[text("frame")] = text("to")
        if (first_state == "") first_state = text("from")
    } else {
        late[++lates] = text("from") " -> " text("to") " (" text("cause") ")"
    }
}

END {
    if (segs == 0) { print "ladder: no connection to port " (port == "" ? 80 : port) " in the trace" > "/dev/stderr"; exit 2 }
    split(conn, ends, "-")
    width = 46
    for (i = 1; i <= segs; i++) {
        if (!index(flags[i], "S")) continue
        if (dir[i] == "in" && peer_isn == "") peer_isn = seq[i]
        if (dir[i] == "out" && own_isn == "") own_isn = seq[i]
    }
    peer = dir[1] == "in" ? "CLOSED" : "LISTEN"
    printf "\n%9s  %-*s  %s\n", "", width + 15, ends[2], ends[1] " (stackd)"
    line(peer, "|" repeat(" ", width) "|", first_state, "seconds")
    for (i = 1; i <= segs; i++) {
        if (dir[i] == "in" && index(flags[i], "F")) peer_fin = seq[i] + len[i] + index(flags[i], "S") + 1
        label = flag_names(flags[i]) " seq=" relative(seq[i], dir[i] == "in" ? peer_isn : own_isn)
        if (index(flags[i], ".")) label = label " ack=" relative(ack[i], dir[i] == "in" ? own_isn : peer_isn)
        if (len[i] > 0) label = label " len=" len[i]
        before = peer
        peer = peer_step(dir[i], flags[i], dir[i] == "out" && peer_fin != "" && index(flags[i], ".") && ack[i] == peer_fin % 4294967296)
        fill = width - length(label) - 4
        middle = dir[i] == "in" ? "|-" label " " repeat("-", fill + 1) ">|" : "|<" repeat("-", fill + 1) " " label "-|"
        quiet = peer == before && !(frame[i] in to) && len[i] == 0
        # In the middle of a long transfer the rungs all look alike.
        if (peer == before && !(frame[i] in to) && i > 12 && i < segs - 8) { skipped++; continue }
        if (skipped > 0) { line("", "|" sprintf("%*s", width, "... " skipped " more segments ...   ") "|", "", ""); skipped = 0 }
        line(peer != before ? peer : "", middle, frame[i] in to ? to[frame[i]] : "", sprintf("%.6f", at[i] - at[1]))
    }
    for (i = 1; i <= lates; i++) line("", "|" repeat(" ", width) "|", late[i], "")
    print ""
}
