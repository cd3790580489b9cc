#!/bin/sh
# test_manpages.sh - man pages are clean, and every option of every --help is in the man page and in
# the completion, and the other way round.
#
# Usage: test_manpages.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"
LC_ALL=C.UTF-8 # for man

# options - the option names, one a line, `-x` and `--name`, in what argp's --help prints.
options() {
    grep -E '^ +-' | sed -E 's/^( +(-[a-zA-Z?])?(, )?(--[a-z][a-z_-]*)?).*/\1/' |
        grep -oE -- '--?[a-zA-Z?][a-z_-]*' | sort -u
}

objects=$("$build/bin/stackctl" --help | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p')
[ -n "$objects" ] || echo "stackctl --help names no objects" >"$tmp/bad"
verdict "stackctl --help names its objects"

"$build/bin/stackd" --help | options >"$tmp/stackd.help"
{
    "$build/bin/stackctl" --help
    for object in $objects; do "$build/bin/stackctl" "$object" --help; done
} | options >"$tmp/stackctl.help"

commands=$("$build/bin/stackscope" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
[ -n "$commands" ] || echo "stackscope --help names no commands" >"$tmp/bad"
verdict "stackscope --help names its commands"
{
    "$build/bin/stackscope" --help
    for command in $commands; do "$build/bin/stackscope" "$command" --help; done
} | options >"$tmp/stackscope.help"

"$build/bin/stackdrill" --help | grep -v -- --NAME | options >"$tmp/stackdrill.help"

"$build/bin/stackd-extcap" --help | options >"$tmp/stackd-extcap.help"

completion() { # completion PROGRAM: what it completes is what there is
    tr -c 'a-zA-Z_-' '\n' <"tools/completion/$1" | grep -xE -- '--[a-z][a-z_-]+' | sort -u >"$tmp/completion"
    grep -E '^--' "$tmp/$1.help" >"$tmp/long"
    grep -vxE -- '--(help|usage|version)' "$tmp/long" | comm -23 - "$tmp/completion" >"$tmp/bad"
    verdict "the completion of $1 has every long option"
    comm -13 "$tmp/long" "$tmp/completion" >"$tmp/bad"
    verdict "the completion of $1 has no other"
}

for program in stackd stackctl stackdrill stackscope stackd-extcap; do
    page=docs/man/$program.1

    # mdoc writes `Fl v` for -v, `Fl -name` for --name, `Fl jv` for -j and -v.
    grep -oE 'Fl [-_a-zA-Z]+' "$page" | sed 's/^Fl //' |
        awk '/^-./ { print "-" $0; next } /^[a-zA-Z]+$/ { for (i = 1; i <= length($0); i++) print "-" substr($0, i, 1) }' |
        sort -u >"$tmp/man"
    grep -vxE -- '--(help|usage|version)|-[?Vh]' "$tmp/$program.help" >"$tmp/help"
    [ "$(wc -l <"$tmp/help")" -gt 5 ] || echo "hardly any options found" >"$tmp/help"
    comm -23 "$tmp/help" "$tmp/man" >"$tmp/bad"
    verdict "$page has every option of --help"
    comm -13 "$tmp/help" "$tmp/man" >"$tmp/bad"
    verdict "$program --help has every option of $page"

    if [ $program != stackd-extcap ]; then # which Wireshark runs, nobody types
        completion "$program"
    fi

    if command -v man >/dev/null; then
        MANROFFSEQ='' MANWIDTH=80 man --warnings -l -E UTF-8 "$page" >"$tmp/page" 2>"$tmp/bad" </dev/null
        [ -s "$tmp/page" ] || echo "man shows nothing" >>"$tmp/bad"
        verdict "$page is formatted without a warning"
    fi
done

: >"$tmp/bad"
for object in $objects; do
    grep -qE "^\.It Cm $object( |\$)" docs/man/stackctl.1 || echo "$object"
done >"$tmp/bad"
verdict "docs/man/stackctl.1 has every object"
: >"$tmp/bad"
for object in $objects; do
    grep -E '^ *local objects=' tools/completion/stackctl | grep -qw "$object" || echo "$object"
done >"$tmp/bad"
verdict "the completion of stackctl has every object"

: >"$tmp/bad"
for command in $commands; do
    grep -qE "^\.It Cm $command( |\$)" docs/man/stackscope.1 || echo "$command is not in the man page"
    grep -E '^ *local commands=' tools/completion/stackscope | grep -qw "$command" || echo "$command is not in the completion"
done >"$tmp/bad"
verdict "docs/man/stackscope.1 and the completion have every command"

finish manpages
