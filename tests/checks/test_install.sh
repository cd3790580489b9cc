#!/bin/sh
# test_install.sh - what `cmake --install` leaves behind is whole: programs, pages, completions, the
# unit, headers, libraries; and a program of somebody else's can be built with it.
#
# Usage: test_install.sh BUILD-DIRECTORY
. "$(dirname "$0")/lib.sh"
usr=$tmp/root/usr

# t NAME COMMAND...: counts by the command's status; its output is shown when it fails.
t() {
    name=$1
    shift
    if "$@" >"$tmp/out" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -n 20 "$tmp/out" | sed 's/^/     /'
        failed=$((failed + 1))
    fi
}

t "cmake --install" env DESTDIR="$tmp/root" cmake --install "$build" --prefix /usr

for file in bin/stackd bin/stackctl bin/stackd-extcap share/man/man1/stackd-extcap.1 share/man/man1/stackd.1 share/man/man1/stackctl.1 \
    share/bash-completion/completions/stackd share/bash-completion/completions/stackctl \
    share/stackd/wireshark/stackd.lua share/stackd/wireshark/profile/preferences \
    lib/systemd/system/stackd@.service; do
    t "$file is installed" test -s "$usr/$file"
done
pc=$(find "$usr" -name stackd.pc)
lib=$(dirname "$(dirname "$pc")")
t "the static library is installed" test -s "$lib/libstackd.a"
t "the shared library is installed" test -s "$lib/libstackd.so"
t "the package for CMake is installed" test -s "$lib/cmake/stackd/stackdConfig.cmake"
for program in stackd stackctl; do
    t "the installed $program runs" "$usr/bin/$program" --version
    t "the completion of $program is a script" bash -n "$usr/share/bash-completion/completions/$program"
done

# The installed stackctl finds what it hands on to Wireshark; whose folders they are does not matter here.
mkdir "$tmp/fake"
printf '#!/bin/sh\nprintf "Personal configuration:\\t%s/c\\nPersonal Lua Plugins:\\t%s/l\\nPersonal Extcap path:\\t%s/e\\n"\n' "$tmp" "$tmp" "$tmp" >"$tmp/fake/tshark"
chmod +x "$tmp/fake/tshark"
t "the installed stackctl has the files for Wireshark" env PATH="$tmp/fake:$PATH" "$usr/bin/stackctl" wireshark-install --user
for file in l/stackd.lua c/profiles/stackd/preferences e/stackd-extcap; do
    t "$file arrives" test -s "$tmp/$file"
done

# Every header stands for itself with the installed ones alone, so none is missing.
headers() {
    (cd "$usr/include/stackd" && find . -name '*.h') | while read -r header; do
        echo "#include \"$header\"" | cc -std=c11 -Wall -Wextra -Werror -fsyntax-only \
            -I "$usr/include/stackd" -x c - || exit 1
    done
}
t "each installed header compiles alone" headers

# As somebody would who knows pkg-config.
flags() { PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config "$@" stackd; }
# shellcheck disable=SC2046
t "a program is built with pkg-config" \
    cc -std=c11 -o "$tmp/ping" "$top/tests/checks/consumer/ping.c" $(flags --cflags --libs)
t "and pings" env LD_LIBRARY_PATH="$lib" "$tmp/ping"

# As somebody would who knows CMake, with the static and with the shared library.
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt") # here it works
t "a project with find_package(stackd)" \
    cmake -G "$generator" -S "$top/tests/checks/consumer" -B "$tmp/consumer" -DCMAKE_PREFIX_PATH="$usr"
t "is built" cmake --build "$tmp/consumer"
t "and pings with stackd::stackd" "$tmp/consumer/ping_stackd"
t "and pings with stackd::stackd_shared" env LD_LIBRARY_PATH="$lib" "$tmp/consumer/ping_stackd_shared"
t "with the answer that a ping gives" sh -c "'$tmp/consumer/ping_stackd' | grep -qx '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64'"

# The unit names the program where it is installed; systemd checks the rest, where there is one.
t "the unit starts the installed program" grep -q '^ExecStart=.*stackd --tap %i' "$usr/lib/systemd/system/stackd@.service"
if command -v systemd-analyze >/dev/null; then
    sed "s|^ExecStart=[^ ]*|ExecStart=$usr/bin/stackd|" "$usr/lib/systemd/system/stackd@.service" >"$tmp/stackd@tap0.service"
    verify() { # what is wrong with this unit; not with those of the machine that it names
        systemd-analyze verify --man=no "$tmp/stackd@tap0.service" 2>&1 | grep 'stackd@' && return 1
        return 0
    }
    t "systemd-analyze verify finds nothing" verify
fi

finish install
