/*
 * wireshark_install.c - `wireshark-install`: our files to where Wireshark looks for them.
 *
 * Which folders these are differs from version to version and from system to system, so Wireshark is asked
 * (`tshark -G folders`). Three things go there: stackd.lua, the profile, and stackd-extcap. Until
 * version 4.2 Wireshark looked for extcap programs in one folder only, the system's.
 *
 * What is installed is what is removed: the same list, and a folder of ours when it is empty. A file of the
 * profile that differs from what we would write may be the user's work; it is kept under its name with `~`.
 */
#include "stackctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "whole.h"
#include "wireshark.h"

enum { INSTALL_ITEMS = 32, INSTALL_PATH = 1024 };

const struct argp_option wireshark_install_options[] = {
    {"user",                           CTL_KEY_USER, NULL, 0, "For this user (what users do)", 0},
    {"system",                            CTL_KEY_SYSTEM, NULL, 0, "For all users (what root does)", 0},
    {"dry-run", CTL_KEY_DRY_RUN, NULL, 0, "Say what would be done", 0},
    {"remove",                                CTL_KEY_REMOVE, NULL, 0, "Take it away again", 0},
    {0}
};

struct install_item {
    char from[INSTALL_PATH], to[INSTALL_PATH];
    mode_t mode;
    bool is_users; /* he may have changed it */
};

struct install {
    struct ctl *c;
    bool system;
    char lua[INSTALL_PATH], config[INSTALL_PATH]; /* folders, as Wireshark names them */
    char extcap[INSTALL_PATH];                    /* "": there is none for this user */
    char system_extcap[INSTALL_PATH];
    struct install_item item[INSTALL_ITEMS];
    int items;
};

/* ---- asking ---- */

/* A line `Personal Lua Plugins:<TAB>/home/...` of -G folders. */
static void install_folder(struct install *in, char *line)
{
    char *colon = strchr(line, ':'), *path = colon;

    if (colon == NULL)
        return;
    *colon = '\0';
    do
        path++;
    while (*path == ' ' || *path == '\t');
    path[strcspn(path, "\n")] = '\0';
    bool is_global = strcasestr(line, "global") != NULL,
         is_personal = strcasestr(line, "personal") != NULL;
    bool is_ours = in->system ? is_global : is_personal;

    if (strlen(path) >= INSTALL_PATH)
        return;
    if (strcasestr(line, "lua plugins") != NULL && is_ours)
        strcpy(in->lua, path);
    else if (strcasestr(line, "configuration") != NULL && is_ours)
        strcpy(in->config, path);
    else if (strcasestr(line, "extcap") != NULL && !is_personal)
        strcpy(in->system_extcap, path);
    else if (strcasestr(line, "extcap") != NULL && !in->system)
        strcpy(in->extcap, path);
}

static bool install_ask(struct install *in)
{
    static const char *const programs[] = {"tshark", "wireshark"};
    char line[INSTALL_PATH + 64], command[64];

    for (int i = 0; i < 2 && in->config[0] == '\0'; i++) {
        snprintf(command, sizeof(command), "%s -G folders 2>/dev/null", programs[i]);
        FILE *f = popen(command, "re");

        while (f != NULL && fgets(line, sizeof(line), f) != NULL)
            install_folder(in, line);
        if (f != NULL)
            pclose(f);
    }
    if (in->system)
        strcpy(in->extcap, in->system_extcap);
    return in->config[0] != '\0' && in->lua[0] != '\0';
}

/* ---- the list ---- */

static bool install_add(struct install *in, const char *from, const char *folder, const char *name,
                        mode_t mode, bool is_users)
{
    struct install_item *item = &in->item[in->items];

    if (in->items == INSTALL_ITEMS ||
        (size_t)snprintf(item->from, INSTALL_PATH, "%s", from) >= INSTALL_PATH ||
        (size_t)snprintf(item->to, INSTALL_PATH, "%s/%s", folder, name) >= INSTALL_PATH)
        return false;
    item->mode = mode;
    item->is_users = is_users;
    in->items++;
    return true;
}

static bool install_profile(struct install *in)
{
    char share[INSTALL_PATH], from[INSTALL_PATH + 256], to[INSTALL_PATH + 32];

    if (!wireshark_share(share, sizeof(share), "profile"))
        return false;
    snprintf(to, sizeof(to), "%s/profiles/stackd", in->config);
    DIR *dir = opendir(share);
    const struct dirent *e;
    bool good = dir != NULL;

    while (good && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(from, sizeof(from), "%s/%s", share, e->d_name);
        good = install_add(in, from, to, e->d_name, 0644, true);
    }
    if (dir != NULL)
        closedir(dir);
    return good;
}

static bool install_list(struct install *in)
{
    char from[INSTALL_PATH];

    if (!wireshark_share(from, sizeof(from), "stackd.lua") ||
        !install_add(in, from, in->lua, "stackd.lua", 0644, false) || !install_profile(in))
        return false;
    if (in->extcap[0] == '\0')
        return true;
    return wireshark_share(from, sizeof(from), "stackd-extcap") &&
           install_add(in, from, in->extcap, "stackd-extcap", 0755, false);
}

/* ---- doing ---- */

int wireshark_copy(const char *from, const char *to, mode_t mode)
{
    char next[PATH_MAX], buf[65536];
    ssize_t n = 0;
    int err = 0;

    if ((size_t)snprintf(next, sizeof(next), "%s.new", to) >= sizeof(next))
        return -ENAMETOOLONG;
    int in = open(from, O_RDONLY | O_CLOEXEC);

    if (in < 0)
        return -errno;
    int out = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (out < 0) {
        err = -errno;
        close(in);
        return err;
    }
    while (err == 0 && (n = read(in, buf, sizeof(buf))) > 0)
        err = whole_write(out, buf, (size_t)n);
    if (n < 0)
        err = -errno;
    if (fchmod(out, mode) != 0 && err == 0)
        err = -errno;
    if (close(out) != 0 && err == 0)
        err = -errno;
    close(in);
    if (err == 0 && rename(next, to) != 0)
        err = -errno;
    if (err != 0)
        unlink(next);
    return err;
}

/* Are both files there, with the same bytes? */
static bool install_same(const char *a, const char *b)
{
    FILE *fa = fopen(a, "rbe"), *fb = fopen(b, "rbe");
    bool same = fa != NULL && fb != NULL;
    int ca = 0, cb = 0;

    while (same && ca != EOF) {
        ca = getc(fa);
        cb = getc(fb);
        same = ca == cb;
    }
    if (fa != NULL)
        fclose(fa);
    if (fb != NULL)
        fclose(fb);
    return same;
}

/* The folders above @path that are missing. */
static int install_folders(const char *path)
{
    char part[INSTALL_PATH];

    snprintf(part, sizeof(part), "%s", path);
    for (char *p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return 0;
}

static int install_put(const struct install_item *item)
{
    char kept[INSTALL_PATH + 2];
    int err = install_folders(item->to);

    if (err != 0)
        return err;
    if (item->is_users && access(item->to, F_OK) == 0 && !install_same(item->from, item->to)) {
        snprintf(kept, sizeof(kept), "%s~", item->to);
        if (rename(item->to, kept) != 0)
            return -errno;
        printf("%s (yours is now %s)\n", item->to, kept);
    } else {
        printf("%s\n", item->to);
    }
    return wireshark_copy(item->from, item->to, item->mode);
}

static int install_remove(const struct install_item *item)
{
    char folder[INSTALL_PATH];

    if (unlink(item->to) == 0)
        printf("%s\n", item->to);
    else if (errno != ENOENT && errno != ENOTDIR)
        return -errno;
    if (!item->is_users)
        return 0;
    snprintf(folder, sizeof(folder), "%s",
             item->to); /* of the profile: ours, when nobody else is in it */
    *strrchr(folder, '/') = '\0';
    (void)rmdir(folder);
    return 0;
}

static int install_do(const struct install *in)
{
    const struct ctl *c = in->c;

    for (int i = 0; i < in->items; i++) {
        const struct install_item *item = &in->item[i];
        int err = 0;

        if (c->dry_run)
            printf("would %s %s\n", c->remove ? "remove" : "install", item->to);
        else
            err = c->remove ? install_remove(item) : install_put(item);
        if (err != 0)
            return ctl_say(CTL_FAILED, "%s: %s: %s", item->to, strerror(-err),
                           in->system ? "become root (sudo), or take --user"
                                      : "is your home yours?");
    }
    return CTL_OK;
}

int ctl_wireshark_install(struct ctl *c)
{
    static struct install in;

    in = (struct install){.c = c, .system = c->system || (!c->user && geteuid() == 0)};
    if (c->words > 0)
        return ctl_say(CTL_USAGE, "%s: no word belongs here: try stackctl wireshark-install --help",
                       c->word[0]);
    if (c->user && c->system)
        return ctl_say(CTL_USAGE, "--user and --system: choose one");
    if (!install_ask(&in))
        return ctl_say(CTL_FAILED,
                       "neither tshark nor wireshark says where it looks for files: sudo "
                       "apt-get install wireshark");
    if (!install_list(&in))
        return ctl_say(CTL_FAILED, "our files are not beside this program: install stackd whole");
    int status = install_do(&in);

    if (status == CTL_OK && in.extcap[0] == '\0' && !c->remove)
        ctl_say(
            0,
            "this Wireshark looks for stackd-extcap in %s only: sudo stackctl wireshark-install "
            "--system, or use stackctl wireshark, which does without",
            in.system_extcap[0] != '\0' ? in.system_extcap : "its own folder");
    return status;
}

bool ctl_wireshark_option(struct ctl *c, int key, char *arg)
{
    switch (key) {
    case CTL_KEY_FILTER:
        c->filter = arg;
        return true;
    case CTL_KEY_PROGRAM:
        c->program = arg;
        return true;
    case CTL_KEY_USER:
        return c->user = true;
    case CTL_KEY_SYSTEM:
        return c->system = true;
    case CTL_KEY_DRY_RUN:
        return c->dry_run = true;
    case CTL_KEY_REMOVE:
        return c->remove = true;
    default:
        return false;
    }
}
