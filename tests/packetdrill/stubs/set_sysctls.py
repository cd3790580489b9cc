#!/usr/bin/env python3
"""Note settings for the plug-in instead of writing them to procfs.

Usage: set_sysctls.py /proc/sys/net/ipv4/NAME=VALUE...

Takes the place of the script of this name beside packetdrill's tests. Each pair goes as
net.ipv4.NAME=VALUE to the file that PACKETDRILL_SYSCTL_FILE names.
"""
import os
import sys


def main():
    lines = []
    for word in sys.argv[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            sys.exit(f"set_sysctls.py: {word}: NAME=VALUE belongs here")
        name = name.removeprefix("/proc/sys/").replace("/", ".")
        lines.append(f"{name}={value.strip()}\n")
    path = os.environ.get("PACKETDRILL_SYSCTL_FILE")
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.writelines(lines)


main()
