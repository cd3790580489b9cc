/*
 * options_named.c - what follows from the name of the interface: MAC address, control socket.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/siphash.h"

/* A MAC address that stays the same for this name and address: locally administered, unicast. */
static struct mac options_own_mac(const struct stackd_options *o)
{
    static const struct siphash_key key = {0x737461636b64, 0x6d6163};
    uint8_t text[sizeof(o->ifname) + 4] = {0};
    struct mac mac = {{0x02}};

    memcpy(text, o->ifname, sizeof(o->ifname));
    memcpy(text + sizeof(o->ifname), &o->ip, 4);
    uint64_t h = siphash(&key, text, sizeof(text));

    for (unsigned i = 1; i < 6; i++, h >>= 8)
        mac.b[i] = (uint8_t)h;
    return mac;
}

static void options_control_path(struct stackd_options *o)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0)
        n = snprintf(o->control, sizeof(o->control), "/run/stackd/%s.sock", o->ifname);
    else if (run != NULL && run[0] == '/')
        n = snprintf(o->control, sizeof(o->control), "%s/stackd/%s.sock", run, o->ifname);
    else
        n = snprintf(o->control, sizeof(o->control), "/tmp/stackd-%u/%s.sock", (unsigned)geteuid(),
                     o->ifname);
    if (n < 0 || (size_t)n >= sizeof(o->control))
        o->control[0] = '\0';
}

void options_named(struct stackd_options *o)
{
    if (!o->mac_given)
        o->mac = options_own_mac(o);
    if (!o->control_given)
        options_control_path(o);
}
