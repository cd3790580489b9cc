/*
 * list.c - what there is to capture from, and how.
 *
 * An interface is named after the TAP that its stackd serves, stackd-tap0; a second one of that name, as
 * root's and this user's, becomes stackd-tap0-2, in the order in which sockets are looked for. Wireshark
 * keeps the user's choices by that name. A stackd whose socket is not for this user is in the list as well, and
 * says how it can be reached.
 */
#include "extcap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { LIST_PATIENCE = 2, LIST_CONNECTIONS = 100, LIST_PAGES = 64 };

void list_patience(const struct dial *d, int seconds)
{
    struct timeval tv = {.tv_sec = seconds};

    (void)setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static const char *list_str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}

/* The name of its TAP, and `stackd tap0: 10.0.0.2/24`. Return: whether it answers. */
static bool list_ask(struct dial *d, char *name, size_t name_len, char *display, size_t len)
{
    json_t *request = json_pack("{s:s}", "cmd", "link"), *reply = dial_ask(d, request);
    const json_t *link = json_array_get(json_object_get(reply, "link"), 0);
    const json_t *addr = json_array_get(json_object_get(link, "addr"), 0);
    bool is_there = link != NULL;

    snprintf(name, name_len, "%s", list_str(link, "name"));
    snprintf(display, len, "stackd %s: %s/%d", name, list_str(addr, "ip"),
             (int)json_integer_value(json_object_get(addr, "prefix")));
    json_decref(request);
    json_decref(reply);
    return is_there;
}

/* What is behind @path. Return: whether it is for the list. */
static bool list_look(const char *path, char *name, size_t name_len, char *display, size_t len)
{
    struct dial d;
    int err = dial_open(&d, path);

    if (err == -EACCES || err == -EPERM) {
        dial_name(path, name, name_len);
        snprintf(display, len, "stackd %s: not for this user: sudo stackctl wireshark %s", name,
                 name);
        return true;
    }
    if (err != 0)
        return false;
    list_patience(&d, LIST_PATIENCE);
    bool is_there = list_ask(&d, name, name_len, display, len);

    dial_close(&d);
    return is_there;
}

int list_find(struct extcap_if *found)
{
    struct dial_place place[DIAL_MOST];
    int places = dial_places(place), n = 0;

    for (int i = 0; i < places; i++) {
        struct extcap_if *f = &found[n];
        char name[EXTCAP_NAME - 32];
        int same = 0;

        if (!list_look(place[i].path, name, sizeof(name), f->display, sizeof(f->display)))
            continue;
        snprintf(f->value, sizeof(f->value), "stackd-%s", name);
        memcpy(f->path, place[i].path, sizeof(f->path));
        for (int k = 0; k < n; k++) {
            size_t len = strlen(f->value);

            same += strncmp(found[k].value, f->value, len) == 0 &&
                    (found[k].value[len] == '\0' || found[k].value[len] == '-');
        }
        if (same > 0)
            snprintf(f->value, sizeof(f->value), "stackd-%s-%d", name, same + 1);
        n++;
    }
    return n;
}

bool list_dial(const char *value, struct dial *d)
{
    struct extcap_if found[DIAL_MOST];
    int n = list_find(found);
    char why[512];

    for (int i = 0; i < n; i++) {
        if (strcmp(found[i].value, value) != 0)
            continue;
        int err = dial_open(d, found[i].path);

        if (err == 0)
            return true;
        extcap_say(0, "%s", dial_why("Wireshark", found[i].path, -err, why, sizeof(why)));
        return false;
    }
    extcap_say(0, "there is no %s any more: start stackd again, and refresh the interfaces", value);
    return false;
}

int list_interfaces(void)
{
    struct extcap_if found[DIAL_MOST];
    int n = list_find(found);

    printf("extcap {version=%s}{help=https://www.rfc-editor.org/rfc/rfc9293}{display=stackd}\n",
           STACKD_VERSION);
    for (int i = 0; i < n; i++)
        printf("interface {value=%s}{display=%s}\n", found[i].value, found[i].display);
    toolbar_list();
    return EXTCAP_OK;
}

int list_dlts(const struct extcap *x)
{
    (void)x; /* all have the same */
    printf("dlt {number=1}{name=EN10MB}{display=Ethernet}\n");
    return EXTCAP_OK;
}

/* One row of `sock`, if it is a connection. */
static bool list_connection(const json_t *row)
{
    const char *state = list_str(row, "state");

    if (strcmp(state, "LISTEN") == 0 || *state == '\0')
        return false;
    char conn[160];

    snprintf(conn, sizeof(conn), "%s:%d-%s:%d", list_str(row, "local"),
             (int)json_integer_value(json_object_get(row, "lport")), list_str(row, "remote"),
             (int)json_integer_value(json_object_get(row, "rport")));
    printf("value {arg=0}{value=%s}{display=%s %s}\n", conn, conn, state);
    return true;
}

/* The connections that there are, as values of the first option. */
static void list_connections(const char *value)
{
    json_t *request = json_pack("{s:s}", "cmd", "sock");
    int listed = 0;
    struct dial d;

    printf("value {arg=0}{value=}{display=all}{default=true}\n");
    if (!list_dial(value, &d)) {
        json_decref(request);
        return;
    }
    list_patience(&d, LIST_PATIENCE);
    for (int page = 0; page < LIST_PAGES && listed < LIST_CONNECTIONS; page++) {
        json_t *reply = dial_ask(&d, request), *next = json_object_get(reply, "next");
        const json_t *row;
        size_t i;

        json_array_foreach(json_object_get(reply, "tcp"), i, row)
        {
            if (listed < LIST_CONNECTIONS)
                listed += list_connection(row);
        }
        if (next != NULL)
            json_object_set(request, "from", next);
        bool more = next != NULL;

        json_decref(reply);
        if (!more)
            break;
    }
    json_decref(request);
    dial_close(&d);
}

int list_config(const struct extcap *x)
{
    if (x->reload == NULL) {
        printf("arg {number=0}{call=--connection}{display=Connection}{type=selector}"
               "{reload=true}{placeholder=Look again}"
               "{tooltip=Only frames of this connection: local-remote}\n");
        printf(
            "arg {number=1}{call=--sent}{display=Before the bad wire as well}{type=boolflag}"
            "{default=false}{tooltip=A second interface with each frame as its sender sent it}\n");
        printf("arg {number=2}{call=--snaplen}{display=Bytes of each frame}{type=integer}"
               "{range=0,65554}{default=0}{tooltip=0: whole frames}\n");
    } else if (strcmp(x->reload, "connection") != 0 && strcmp(x->reload, "--connection") != 0) {
        return extcap_say(EXTCAP_USAGE, "--extcap-reload-option %s: only connection has values",
                          x->reload);
    }
    list_connections(x->interface);
    return EXTCAP_OK;
}
