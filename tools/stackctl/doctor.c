/*
 * doctor.c - `doctor`: is this machine able to run stackd? Needs no stackd.
 *
 * Each check tries the thing itself where that can be done without leaving a trace: user
 * namespaces are entered in a child, sockets are dialled, the TAP device is opened but no interface
 * made. One line each: ok, warn (something will be missing) or FAIL (it will not run), with the
 * mend behind it.
 */
#include "stackctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/if_tun.h>

const struct argp_option doctor_options[] = {
    {"ip",         'a', "A.B.C.D/P", 0, "The address stackd is to have, 10.0.0.2/24", 0},
    {0}
};

struct doctor {
    struct ctl *c;
    json_t *checks;
    int failed, warned;
    bool net_admin, user_ns, tun;
};

enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };

static void doctor_say(struct doctor *d, enum grade g, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void doctor_say(struct doctor *d, enum grade g, const char *mend, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"}, *const inks[] = {"green", "yellow",
                                                                                "red"};
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    d->failed += g == GRADE_FAIL;
    d->warned += g == GRADE_WARN;
    json_array_append_new(d->checks, json_pack("{s:s,s:s,s:s}", "grade", words[g], "what", text,
                                               "mend", g == GRADE_OK ? "" : mend));
    if (d->c->json)
        return;
    printf("%s%-4s%s  %s", ctl_paint(d->c, inks[g]), words[g], ctl_paint(d->c, ""), text);
    if (g != GRADE_OK && *mend != '\0')
        printf(": %s", mend);
    putchar('\n');
}

static bool has_net_admin(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    unsigned long long caps = 0;
    char line[256];

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "CapEff: %llx", &caps) == 1)
            break;
    }
    if (f != NULL)
        fclose(f);
    return (caps >> CAP_NET_ADMIN & 1) != 0;
}

static bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
           getenv("container") != NULL;
}

static void check_tun(struct doctor *d)
{
    const char *mend =
        in_container()
            ? "start the container with `docker run --device /dev/net/tun --cap-add NET_ADMIN`"
            : "`sudo modprobe tun`, and `sudo mknod /dev/net/tun c 10 200` if it is still missing";
    struct stat st;

    if (stat("/dev/net/tun", &st) != 0) {
        doctor_say(d, GRADE_FAIL, mend, "/dev/net/tun is not there");
        return;
    }
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == EACCES) {
        doctor_say(d, GRADE_FAIL, "`sudo chmod 666 /dev/net/tun`, or run as root",
                   "/dev/net/tun may not be opened by you (mode %03o)",
                   (unsigned)(st.st_mode & 0777));
        return;
    }
    if (fd < 0) {
        doctor_say(d, GRADE_FAIL, mend, "/dev/net/tun cannot be opened (%s)", strerror(errno));
        return;
    }
    unsigned features = 0;
    bool known = ioctl(fd, TUNGETFEATURES, &features) == 0;

    close(fd);
    d->tun = true;
    doctor_say(d, GRADE_OK, "", "/dev/net/tun is there and opens (mode %03o%s)",
               (unsigned)(st.st_mode & 0777),
               known && (features & IFF_VNET_HDR) != 0 ? ", with offload" : "");
}

/* Try it: the child enters the namespaces, and ends. */
static bool user_ns_works(int *err)
{
    int pipefd[2];
    int result = EIO;

    if (pipe2(pipefd, O_CLOEXEC) != 0)
        return false;
    pid_t pid = fork();

    if (pid == 0) {
        int e = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : errno;

        (void)!write(pipefd[1], &e, sizeof(e));
        _exit(0);
    }
    close(pipefd[1]);
    if (pid < 0 || read(pipefd[0], &result, sizeof(result)) != (ssize_t)sizeof(result))
        result = EIO;
    close(pipefd[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    *err = result;
    return result == 0;
}

static void check_privileges(struct doctor *d)
{
    int err = 0;

    d->net_admin = has_net_admin();
    d->user_ns = user_ns_works(&err);
    if (d->net_admin)
        doctor_say(d, GRADE_OK, "", "CAP_NET_ADMIN is there: `stackd --tap tap0` can make its TAP");
    else if (d->user_ns)
        doctor_say(d, GRADE_WARN, "use `sudo stackd --tap tap0`, or `stackd --netns` without sudo",
                   "no CAP_NET_ADMIN: a TAP of this machine needs it");
    else
        doctor_say(d, GRADE_FAIL,
                   in_container() ? "start the container with `--cap-add NET_ADMIN`"
                                  : "use `sudo stackd --tap tap0`",
                   "no CAP_NET_ADMIN, and no user namespaces either");
    if (d->user_ns)
        doctor_say(d, GRADE_OK, "", "user namespaces work: `stackd --netns` needs no root");
    else
        doctor_say(d, GRADE_WARN,
                   err == EPERM
                       ? "`sudo sysctl kernel.unprivileged_userns_clone=1` (Debian), "
                         "`kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu), or in Docker "
                         "`--security-opt seccomp=unconfined`"
                       : "`sudo sysctl user.max_user_namespaces=10000`",
                   "user namespaces do not work (%s): no `--netns` for ordinary users",
                   strerror(err));
}

static bool parse_prefix(const char *text, uint32_t *ip, unsigned *prefix)
{
    char addr[32];
    struct in_addr a;

    if (sscanf(text, "%31[0-9.]/%u", addr, prefix) != 2 || *prefix > 32 ||
        inet_pton(AF_INET, addr, &a) != 1)
        return false;
    *ip = ntohl(a.s_addr);
    return true;
}

static uint32_t mask_of(unsigned prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

static uint32_t in4(const struct sockaddr *sa)
{
    struct sockaddr_in in = {0};

    if (sa == NULL || sa->sa_family != AF_INET)
        return 0;
    memcpy(&in, sa, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
}

static void check_addresses(struct doctor *d, const char *want, uint32_t ip, uint32_t mask)
{
    struct ifaddrs *all = NULL;
    bool clash = false;

    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
        if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET)
            continue;
        uint32_t other = in4(a->ifa_addr), both = mask & in4(a->ifa_netmask);

        if ((other & both) != (ip & both) || other == 0)
            continue;
        clash = true;
        if (other == ip)
            doctor_say(d, GRADE_FAIL, "give stackd another address with --ip",
                       "%s is %s's own address", want, a->ifa_name);
        else
            doctor_say(d, GRADE_WARN,
                       "if that is not the kernel's end of our TAP, use another net with --ip",
                       "%s overlaps the subnet of %s", want, a->ifa_name);
    }
    freeifaddrs(all);
    if (!clash)
        doctor_say(d, GRADE_OK, "", "no interface here uses the net of %s", want);
}

/* /proc/net/route: addresses as they lie in memory, hexadecimal. */
static void check_routes(struct doctor *d, const char *want, uint32_t ip)
{
    FILE *f = fopen("/proc/net/route", "r");
    char line[256], dev[32];
    unsigned dst, gw, flags, mask;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%31s %x %x %x %*s %*s %*s %x", dev, &dst, &gw, &flags, &mask) != 5 ||
            mask == 0)
            continue;
        if ((ip & ntohl(mask)) == ntohl(dst) && gw != 0)
            doctor_say(d, GRADE_WARN, "use another net with --ip, or `stackd --netns`",
                       "there is a route to the net of %s through a gateway on %s (a VPN?)", want,
                       dev);
    }
    if (f != NULL)
        fclose(f);
}

static void check_sockets(struct doctor *d)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char mine[512];
    glob_t g = {0};

    glob("/run/stackd/*.sock", 0, NULL, &g);
    snprintf(mine, sizeof(mine), "%s/stackd/*.sock", run != NULL ? run : "/run/user/none");
    glob(mine, GLOB_APPEND, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", g.gl_pathv[i]);
        bool up = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
        int err = errno;

        close(fd);
        if (up)
            doctor_say(d, GRADE_OK, "", "a stackd is running: %s", g.gl_pathv[i]);
        else if (err == ECONNREFUSED)
            doctor_say(d, GRADE_WARN, "remove it, or let the next stackd of that name do it",
                       "%s is left over from a stackd that has gone", g.gl_pathv[i]);
    }
    globfree(&g);
}

static void check_tap_name(struct doctor *d)
{
    unsigned index = if_nametoindex("tap0");

    if (index != 0)
        doctor_say(
            d, GRADE_WARN,
            "if a stackd runs on it, choose another --tap NAME; else it will be used as it is",
            "there is an interface tap0 already");
}

int ctl_doctor(struct ctl *c)
{
    struct doctor d = {.c = c, .checks = json_array()};
    const char *want = c->address != NULL ? c->address : "10.0.0.2/24";
    uint32_t ip;
    unsigned prefix;

    if (c->words > 0)
        return ctl_say(CTL_USAGE, "%s is too much: doctor takes no words", c->word[0]);
    if (!parse_prefix(want, &ip, &prefix))
        return ctl_say(CTL_USAGE, "--ip %s: not an IPv4 address with prefix: try --ip 10.0.0.2/24",
                       want);
    check_tun(&d);
    check_privileges(&d);
    check_addresses(&d, want, ip, mask_of(prefix));
    check_routes(&d, want, ip);
    check_tap_name(&d);
    check_sockets(&d);
    if (c->json)
        ctl_print_json(d.checks);
    else if (d.failed == 0)
        printf("%sthis machine can run stackd: %s%s\n", ctl_paint(c, "bold"),
               d.net_admin ? "sudo stackd --tap tap0" : "stackd --netns -- bash", ctl_paint(c, ""));
    json_decref(d.checks);
    return d.failed > 0 ? CTL_FAILED : CTL_OK;
}
