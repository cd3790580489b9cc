/*
 * privileges.c - after the start we may do nothing special.
 *
 * The stack parses what strangers send. Should one of them find a hole, he finds a process without
 * capabilities, which can gain none by running a program (no_new_privs). Files that root keeps
 * from others stay readable when we run as root: run the service as a user where that matters
 * (stackd@.service does).
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include <cap-ng.h>
#include <linux/capability.h>

#include "stackd.h"

int privileges_drop(bool keep_net_admin, char *err, size_t err_len)
{
    capng_get_caps_process();
    bool has_any = capng_have_capabilities(CAPNG_SELECT_CAPS) > CAPNG_NONE;
    bool has_setpcap = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;

    if (has_any) {
        capng_clear(CAPNG_SELECT_BOTH);
        if (keep_net_admin && capng_update(CAPNG_ADD, CAPNG_PERMITTED, CAP_NET_ADMIN) < 0)
            keep_net_admin = false;
        /* The bounding set can only be lowered by who has CAP_SETPCAP. */
        if (capng_apply(has_setpcap ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0) {
            snprintf(err, err_len, "dropping capabilities failed: start without them");
            return -1;
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        snprintf(err, err_len, "no_new_privs: %s: the kernel is older than 3.5", strerror(errno));
        return -1;
    }
    return 0;
}

int privileges_raise(void)
{
    capng_get_caps_process();
    if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) < 0)
        return -1;
    return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -1 : 0;
}
