# mermaid.awk - is this a sequenceDiagram, as far as stackscope writes them? One or several in a file.
#
#     awk -f mermaid.awk FILE
#
# Prints a line for each fault and exits 1. The grammar is that of Mermaid's sequence diagrams: a header,
# participants before they are used, messages `A->>B: text`, notes; in a text `#` begins an entity that
# `;` ends, and the only tag is <br/>.

function fault(why) { print FILENAME ":" FNR ": " why ": " $0; bad = 1 }

function check_text(s) {
    gsub(/#[0-9]+;/, "", s)
    gsub(/<br\/>/, "", s)
    if (s ~ /[#;<>]/) fault("a character that Mermaid reads as something else")
    if (s ~ /[\001-\037]/) fault("a control character")
}

function check_id(id) { if (!(id in known)) fault("no participant " id) }

/^sequenceDiagram$/ { diagrams++; delete known; next }
/^$/ { next }
diagrams == 0 { fault("no sequenceDiagram before it"); exit }
/^    %% / { next }
match($0, /^    participant [A-Z] as ./) { known[substr($0, 17, 1)] = 1; check_text(substr($0, 21)); next }
match($0, /^    Note (left|right) of [A-Z]: ./) {
    id = $4; sub(/:.*/, "", id); check_id(id); check_text(substr($0, RLENGTH)); next
}
match($0, /^    Note over [A-Z],[A-Z]: ./) {
    check_id(substr($3, 1, 1)); check_id(substr($3, 3, 1)); check_text(substr($0, RLENGTH)); next
}
match($0, /^    [A-Z](->>|-->>|--x)[A-Z]: ./) {
    check_id(substr($1, 1, 1)); check_id(substr($1, length($1) - 1, 1)); messages++
    check_text(substr($0, RLENGTH)); next
}
{ fault("not understood") }

END {
    if (diagrams == 0) { print FILENAME ": no diagram"; bad = 1 }
    if (messages == 0) { print FILENAME ": no message"; bad = 1 }
    exit bad
}
