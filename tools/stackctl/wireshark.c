/*
 * wireshark.c - `wireshark`: Wireshark on a running stackd, with nothing installed for it.
 *
 * What Wireshark needs of ours (fields, profile, extcap program) is laid out in a folder of its own that
 * lives as long as it runs, and named to it by options and environment. Its configuration folder is
 * that one, too, with links to all that is in the user's, so that his settings and profiles are there.
 *
 * Two ways to the frames:
 *
 *     an ordinary user    Wireshark runs stackd-extcap itself (WIRESHARK_EXTCAP_DIR), so its toolbar can change
 *                         the bad wire
 *     root                the capture is piped to it. By sudo, Wireshark runs as the user behind it: it has no
 *                         business with root's rights, and only we may open the socket. It takes no
 *                         WIRESHARK_EXTCAP_DIR from root.
 */
#include "stackctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wireshark.h"

enum { WIRESHARK_ARGS = CTL_WORDS + 24, SHARK_PATH = PATH_MAX + 1 + NAME_MAX };

const struct argp_option wireshark_options[] = {
    {"sent",                                             CTL_KEY_SENT, NULL, 0, "Frames as they were before the bad wire as well", 0},
    {"filter",                                              CTL_KEY_FILTER, "FILTER", 0, "Only these frames, see pcap-filter(7)", 0},
    {"program", CTL_KEY_PROGRAM, "PROGRAM", 0, "This one, as tshark (wireshark)", 0},
    {0                                                 }
};

/* What is to be started, and where. */
struct shark {
    const char *program;
    char interface[64]; /* of stackd-extcap */
    char folder[PATH_MAX / 4];
    bool is_piped;
    uid_t uid; /* who it runs as */
    gid_t gid;
};

/* ---- finding things ---- */

bool wireshark_share(char *out, size_t len, const char *name)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    if (n <= 0)
        return false;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    char *slash = strrchr(exe, '/');

    if (strcmp(name, "stackd-extcap") == 0)
        return (size_t)snprintf(out, len, "%s/%s", exe, name) < len && access(out, X_OK) == 0;
    if (slash != NULL)
        *slash = '\0';
    return (size_t)snprintf(out, len, "%s/share/stackd/wireshark/%s", exe, name) < len &&
           access(out, R_OK) == 0;
}

/* As execvp() would find it. */
static bool shark_is_there(const char *program)
{
    const char *path = getenv("PATH");
    char one[PATH_MAX];

    if (strchr(program, '/') != NULL)
        return access(program, X_OK) == 0;
    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");

        snprintf(one, sizeof(one), "%.*s/%s", (int)len, path, program);
        if (access(one, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

/* `stackctl wireshark tap0`: the socket of that one. */
static int shark_choose(struct ctl *c, const char *tap)
{
    static char chosen[DIAL_PATH];
    struct dial_place place[DIAL_MOST];
    int n = dial_places(place);
    char name[DIAL_PATH];

    for (int i = 0; i < n; i++) {
        if (strcmp(dial_name(place[i].path, name, sizeof(name)), tap) != 0)
            continue;
        memcpy(chosen, place[i].path, sizeof(chosen));
        c->control = chosen;
        return CTL_OK;
    }
    return ctl_say(CTL_FAILED,
                   "no stackd serves %s here: start one, or name its socket with --control", tap);
}

/* ---- the folder ---- */

static int shark_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void shark_clean(const struct shark *s)
{
    if (s->folder[0] != '\0')
        (void)nftw(s->folder, shark_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Links in @to for all in @from but @except. */
static void shark_link_all(const char *from, const char *to, const char *except)
{
    DIR *dir = opendir(from);
    const struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        char a[SHARK_PATH], b[SHARK_PATH];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, except) == 0)
            continue;
        snprintf(a, sizeof(a), "%s/%s", from, e->d_name);
        snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
        (void)!symlink(a, b);
    }
    if (dir != NULL)
        closedir(dir);
}

/* The user's own configuration folder. */
static void shark_config(char *out, size_t len)
{
    const char *own = getenv("WIRESHARK_CONFIG_DIR"), *xdg = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");

    if (own != NULL && *own != '\0')
        snprintf(out, len, "%s", own);
    else if (xdg != NULL && *xdg != '\0')
        snprintf(out, len, "%s/wireshark", xdg);
    else
        snprintf(out, len, "%s/.config/wireshark", home != NULL ? home : "");
}

/* The profile is copied: Wireshark writes into it. One that is installed is the user's, and stays. */
static bool shark_profile(const char *share, const char *profiles)
{
    char to[PATH_MAX], a[SHARK_PATH], b[SHARK_PATH];

    if ((size_t)snprintf(to, sizeof(to), "%s/stackd", profiles) >= sizeof(to))
        return false;
    if (access(to, F_OK) == 0)
        return true;
    if (mkdir(to, 0755) != 0)
        return false;
    DIR *dir = opendir(share);
    const struct dirent *e;
    bool good = dir != NULL;

    while (good && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(a, sizeof(a), "%s/%s", share, e->d_name);
        snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
        good = wireshark_copy(a, b, 0644) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return good;
}

static bool shark_lay_out(const struct shark *s)
{
    char own[PATH_MAX], config[PATH_MAX], profiles[PATH_MAX], from[PATH_MAX], extcap[PATH_MAX];

    shark_config(own, sizeof(own));
    snprintf(config, sizeof(config), "%s/config", s->folder);
    snprintf(profiles, sizeof(profiles), "%s/config/profiles", s->folder);
    if (mkdir(config, 0755) != 0 || mkdir(profiles, 0755) != 0)
        return false;
    shark_link_all(own, config, "profiles");
    strncat(own, "/profiles", sizeof(own) - strlen(own) - 1);
    shark_link_all(own, profiles, "");
    if (!wireshark_share(from, sizeof(from), "profile") || !shark_profile(from, profiles))
        return false;
    setenv("WIRESHARK_CONFIG_DIR", config, 1);
    if (s->is_piped)
        return true;
    snprintf(extcap, sizeof(extcap), "%s/extcap", s->folder);
    if (!wireshark_share(from, sizeof(from), "stackd-extcap") || mkdir(extcap, 0755) != 0)
        return false;
    setenv("WIRESHARK_EXTCAP_DIR", extcap, 1);
    strncat(extcap, "/stackd-extcap", sizeof(extcap) - strlen(extcap) - 1);
    return symlink(from, extcap) == 0;
}

/* ---- starting it ---- */

/* Become the user behind sudo. */
static bool shark_drop(const struct shark *s)
{
    const struct passwd *pw;

    if (s->uid == geteuid())
        return true;
    pw = getpwuid(s->uid);
    if ((pw != NULL ? initgroups(pw->pw_name, s->gid) : setgroups(0, NULL)) != 0 ||
        setgid(s->gid) != 0 || setuid(s->uid) != 0)
        return false;
    if (pw != NULL) {
        char run[64];

        setenv("HOME", pw->pw_dir, 1);
        setenv("USER", pw->pw_name, 1);
        setenv("LOGNAME", pw->pw_name, 1);
        snprintf(run, sizeof(run), "/run/user/%u", (unsigned)s->uid);
        if (access(run, X_OK) == 0)
            setenv("XDG_RUNTIME_DIR", run, 1);
    }
    return true;
}

static void shark_exec(struct ctl *c, const struct shark *s, int first)
{
    char lua[PATH_MAX], lua_option[PATH_MAX + 16], sent[128];
    char *argv[WIRESHARK_ARGS];
    int n = 0;
    const char *base = strrchr(s->program, '/');
    bool is_tshark = strcmp(base != NULL ? base + 1 : s->program, "tshark") == 0;

    if (!shark_drop(s) || !wireshark_share(lua, sizeof(lua), "stackd.lua") || !shark_lay_out(s)) {
        ctl_say(0, "%s: cannot lay out what Wireshark needs: %s", s->folder, strerror(errno));
        return;
    }
    snprintf(lua_option, sizeof(lua_option), "lua_script:%s", lua);
    argv[n++] = (char *)(size_t)s->program;
    argv[n++] = (char *)(size_t)(is_tshark ? "-l" : "-k");
    argv[n++] = (char *)(size_t) "-i";
    argv[n++] = (char *)(size_t)(s->is_piped ? "-" : s->interface);
    argv[n++] = (char *)(size_t) "-X";
    argv[n++] = lua_option;
    argv[n++] = (char *)(size_t) "-C";
    argv[n++] = (char *)(size_t) "stackd";
    if (!s->is_piped) {
        setenv("STACKD_CONTROL", c->control, 1);
        if (c->filter != NULL) {
            argv[n++] = (char *)(size_t) "-f";
            argv[n++] = (char *)(size_t)c->filter;
        }
        if (c->sent) {
            snprintf(sent, sizeof(sent), "extcap.%s.sent:true", s->interface);
            for (char *p = sent; *p != '\0'; p++) /* as Wireshark names preferences */
                *p = *p == '-' ? '_' : *p;
            argv[n++] = (char *)(size_t) "-o";
            argv[n++] = sent;
        }
    }
    for (int i = first; i < c->words; i++)
        argv[n++] = c->word[i];
    argv[n] = NULL;
    execvp(s->program, argv);
    ctl_say(0, "%s: %s", s->program, strerror(errno));
}

static int shark_wait(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return CTL_FAILED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Ask for the capture before Wireshark starts: what is wrong with it is told here. */
static int shark_ask(struct ctl *c)
{
    int status;
    json_t *reply =
        ctl_ask(c,
                json_pack("{s:s,s:s,s:s,s:s,s:b}", "cmd", "pcap", "op", "start", "file", "-",
                          "filter", c->filter != NULL ? c->filter : "", "sent", c->sent),
                &status);

    json_decref(reply);
    return status;
}

static int shark_start(struct ctl *c, const struct shark *s, int first)
{
    int ends[2] = {-1, -1};
    int status = s->is_piped ? shark_ask(c) : CTL_OK;

    if (status != CTL_OK)
        return status;
    if (s->is_piped && pipe2(ends, O_CLOEXEC) != 0)
        return ctl_say(CTL_FAILED, "no pipe: %s", strerror(errno));
    pid_t child = fork();

    if (child < 0)
        return ctl_say(CTL_FAILED, "no process: %s", strerror(errno));
    if (child == 0) {
        if (s->is_piped)
            dup2(ends[0], STDIN_FILENO);
        shark_exec(c, s, first);
        _exit(127);
    }
    signal(SIGINT, SIG_IGN); /* it is for Wireshark, and then we end as well */
    if (s->is_piped) {
        close(ends[0]);
        (void)ctl_stream(c, ends[1]);
        close(ends[1]);
        dial_close(&c->to);
    }
    return shark_wait(child);
}

/* The name of the interface that stackd-extcap gives it. */
static int shark_name(struct ctl *c, struct shark *s)
{
    int status;
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "link"), &status);

    snprintf(s->interface, sizeof(s->interface), "stackd-%s",
             jstr(json_array_get(json_object_get(reply, "link"), 0), "name"));
    json_decref(reply);
    return status;
}

/* Who is behind sudo? */
static uid_t shark_id(const char *name, uid_t otherwise)
{
    const char *text = getenv(name);
    char *end;
    unsigned long id = text != NULL ? strtoul(text, &end, 10) : 0;

    return geteuid() == 0 && text != NULL && *text != '\0' && *end == '\0' ? (uid_t)id : otherwise;
}

int ctl_wireshark(struct ctl *c)
{
    bool has_tap = c->words > 0 && c->word[0][0] != '-';
    const char *tmp = getenv("TMPDIR");
    struct shark s = {
        .program = c->program != NULL ? c->program : "wireshark",
        .is_piped = geteuid() == 0,
        .uid = shark_id("SUDO_UID", geteuid()),
        .gid = shark_id("SUDO_GID", getegid()),
    };
    char lua[PATH_MAX];
    int status = has_tap && c->control == NULL ? shark_choose(c, c->word[0]) : CTL_OK;

    if (!shark_is_there(s.program))
        return ctl_say(CTL_FAILED,
                       "%s is not installed: sudo apt-get install wireshark, or look from another "
                       "machine: ssh THIS-ONE sudo stackctl pcap start - | wireshark -k -i -",
                       s.program);
    if (!wireshark_share(lua, sizeof(lua), "stackd.lua"))
        return ctl_say(CTL_FAILED, "stackd.lua is not beside this program: install stackd whole");
    if (status == CTL_OK)
        status = shark_name(c, &s);
    if (status != CTL_OK)
        return status;
    snprintf(s.folder, sizeof(s.folder), "%s/stackctl-wireshark-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(s.folder) == NULL || (s.uid != geteuid() && chown(s.folder, s.uid, s.gid) != 0))
        return ctl_say(CTL_FAILED, "%s: %s: set TMPDIR", s.folder, strerror(errno));
    status = shark_start(c, &s, has_tap ? 1 : 0);
    shark_clean(&s);
    return status;
}
