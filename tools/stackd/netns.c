/*
 * netns.c - --netns: a network of our own, for which no root is needed.
 *
 * A new user namespace makes an ordinary user root over a new network namespace, and over nothing
 * else: there he may make a TAP. Root needs the network namespace only. The command is forked
 * before we drop our capabilities, since it needs them inside (ping, tcpdump); it waits at a pipe
 * until the host answers, and goes away when we do not get that far.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "l1_physical/netlink.h"
#include "stackd.h"

static int netns_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, strlen(text));
    int err = n < 0 ? -errno : 0;

    close(fd);
    return err;
}

static int netns_explain(const char *what, int why, char *err, size_t err_len)
{
    if (why == EPERM || why == EACCES)
        snprintf(err, err_len,
                 "--netns: user namespaces are forbidden here (%s): have root run `sysctl -w "
                 "kernel.unprivileged_userns_clone=1 "
                 "kernel.apparmor_restrict_unprivileged_userns=0`, or use sudo",
                 what);
    else if (why == ENOSPC || why == EUSERS)
        snprintf(err, err_len,
                 "--netns: no more namespaces allowed: have root raise user.max_user_namespaces "
                 "with sysctl");
    else
        snprintf(err, err_len, "--netns: %s: %s", what, strerror(why));
    return -1;
}

int netns_enter(struct stackd *d, char *err, size_t err_len)
{
    unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();
    struct netlink nl;
    char map[64];

    if (uid != 0 || unshare(CLONE_NEWNET) < 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
            return netns_explain("unshare", errno, err, err_len);
        d->user_ns = true;
        (void)netns_put("/proc/self/setgroups", "deny"); /* before gid_map: user_namespaces(7) */
        snprintf(map, sizeof(map), "0 %u 1", uid);
        int why = netns_put("/proc/self/uid_map", map);

        snprintf(map, sizeof(map), "0 %u 1", gid);
        if (why == 0)
            why = netns_put("/proc/self/gid_map", map);
        if (why < 0)
            return netns_explain("uid_map", -why, err, err_len);
    }
    if (netlink_open(&nl) < 0)
        return netns_explain("netlink", errno, err, err_len);
    (void)netlink_link_set(&nl, "lo", 0, 0);
    netlink_close(&nl);
    return 0;
}

static _Noreturn void netns_child(struct stackd *d, int go, pid_t parent)
{
    char path[PATH_MAX], c;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* Should stackd be killed, its network goes, and the command with it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || read(go, &c, 1) != 1)
        _exit(EXIT_FAILURE);
    close(go);
    /* In there it is root, and would look where root's are: this is the one it means, wherever it goes. */
    if (realpath(d->opt.control, path) != NULL)
        setenv("STACKD_CONTROL", path, 1);
    execvp(d->opt.command[0], d->opt.command);
    fprintf(stderr, "stackd: %s: %s\n", d->opt.command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126); /* as a shell does */
}

int netns_command(struct stackd *d, char *err, size_t err_len)
{
    pid_t parent = getpid();
    int go[2];

    if (pipe2(go, O_CLOEXEC) < 0 || (d->child = fork()) < 0) {
        snprintf(err, err_len, "%s: %s", d->opt.command[0], strerror(errno));
        return -1;
    }
    if (d->child == 0) {
        close(go[1]);
        netns_child(d, go[0], parent);
    }
    close(go[0]);
    d->child_go = go[1];
    return 0;
}

void netns_go(struct stackd *d)
{
    if (d->child_go < 0)
        return;
    (void)!write(d->child_go, "g", 1);
    close(d->child_go);
    d->child_go = -1;
}

void netns_how(const struct stackd *d, char *out, size_t len)
{
    out[0] = '\0';
    if (d->opt.netns && d->opt.command == NULL)
        snprintf(out, len, "nsenter %s-n -t %d ", d->user_ns ? "--preserve-credentials -U " : "",
                 (int)getpid());
}
