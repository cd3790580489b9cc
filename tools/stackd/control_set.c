/*
 * control_set.c - what a client may change while the host runs: neighbours, routes, the bad wire.
 */
#include "control_client.h"

#include <errno.h>
#include <string.h>

static json_t *control_done(int err, const char *mend)
{
    return err == 0 ? control_ok() : control_refuse(mend, "%s", strerror(-err));
}

json_t *control_neigh(struct client *c, const json_t *request)
{
    struct arp *arp = &c->ctl->d->net.ifs[0].arp;
    const char *op = control_str(request, "op"), *ip_text = control_str(request, "ip");
    struct mac mac;
    uint32_t ip;

    if (*op == '\0')
        return show_neigh(c, request);
    if (!options_ip(ip_text, &ip))
        return control_usage("%.40s is no IPv4 address: try one like 10.0.0.1", ip_text);
    if (strcmp(op, "del") == 0)
        return control_done(arp_del(arp, ip), "`stackctl neigh' shows the entries there are");
    if (strcmp(op, "add") != 0)
        return control_usage("%.40s is unknown: neigh knows add and del", op);
    if (!options_mac(control_str(request, "mac"), &mac) || mac_is_group(mac))
        return control_usage("%.40s is no MAC address of a station: try 02:00:00:00:00:09",
                             control_str(request, "mac"));
    return control_done(arp_set(arp, ip, mac), "the cache is full: delete another entry first");
}

json_t *control_route(struct client *c, const json_t *request)
{
    struct ip_layer *ip = &c->ctl->d->net.ip;
    const char *op = control_str(request, "op"), *to = control_str(request, "to");
    const char *via = control_str(request, "via");
    uint32_t dst = 0, gateway = 0;
    uint8_t prefix = 0;

    if (*op == '\0')
        return show_route(c);
    if (strcmp(op, "cache") == 0)
        return show_route_cache(c);
    if (strcmp(op, "flush") == 0) {
        if (*to != '\0' && !options_ip(to, &dst))
            return control_usage("%.40s is no IPv4 address: try one like 10.0.0.1", to);
        return pmtu_flush(ip, dst) > 0 || *to == '\0'
                   ? control_ok()
                   : control_refuse("`stackctl route show cache' shows them", "nothing is known of a path to %s", to);
    }
    if (strcmp(to, "default") != 0 && !options_ip_prefix(to, &dst, &prefix)) {
        if (!options_ip(to, &dst))
            return control_usage("%.40s is no destination: use A.B.C.D/P or default", to);
        prefix = 32;
    }
    if (*via != '\0' && !options_ip(via, &gateway))
        return control_usage("%.40s is no IPv4 address: try one like 10.0.0.1", via);
    if (strcmp(op, "del") == 0)
        return control_done(ip_route_del(ip, dst, prefix, gateway, ROUTE_ANY_IF),
                            "`stackctl route' shows the routes there are");
    if (strcmp(op, "add") != 0)
        return control_usage("%.40s is unknown: route knows add and del", op);
    int err = ip_route_add(ip, dst, prefix, gateway, 0, 0);

    if (err == -EEXIST)
        return control_refuse("delete it first", "there is such a route already");
    if (err == -ENETUNREACH)
        return control_refuse("a gateway must be a neighbour", "%s is on no attached subnet", via);
    return control_done(err, "bits beyond the prefix must be zero, and the gateway a neighbour");
}

/* ---- fault ---- */

static json_t *show_fault(const struct imp_config *f)
{
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I}", "drop", f->loss_ppm / 1e4, "mark",
                     f->mark_ppm / 1e4, "corrupt", f->corrupt_ppm / 1e4, "duplicate",
                     f->dup_ppm / 1e4, "reorder", f->reorder_ppm / 1e4, "delay",
                     (double)f->delay / 1e6, "jitter", (double)f->jitter / 1e6, "rate",
                     (json_int_t)f->rate_bps);
}

/* The names of stackd's options, with or without `-chance`, and `loss` for drop. */
static bool fault_named(const char *given, const char *name)
{
    size_t len = strlen(name);

    return strncmp(given, name, len) == 0 &&
           (given[len] == '\0' || strcmp(given + len, "-chance") == 0);
}

/* Return: false when the value makes no sense; *known tells whether the name did. */
static bool fault_apply(struct imp_config *f, const char *name, const char *value, bool *known)
{
    *known = true;
    if (fault_named(name, "drop") || strcmp(name, "loss") == 0)
        return options_percent(value, &f->loss_ppm);
    if (fault_named(name, "mark"))
        return options_percent(value, &f->mark_ppm);
    if (fault_named(name, "corrupt"))
        return options_percent(value, &f->corrupt_ppm);
    if (fault_named(name, "duplicate"))
        return options_percent(value, &f->dup_ppm);
    if (fault_named(name, "reorder"))
        return options_percent(value, &f->reorder_ppm);
    if (strcmp(name, "delay") == 0)
        return options_ms(value, &f->delay);
    if (strcmp(name, "jitter") == 0)
        return options_ms(value, &f->jitter);
    if (strcmp(name, "rate") == 0)
        return options_rate(value, &f->rate_bps);
    *known = false;
    return false;
}

/* All of a request or nothing: both directions are changed as copies first. */
static json_t *fault_set(struct stackd *d, const json_t *set)
{
    struct imp_config f[2] = {d->imp[STACKD_RX].cfg, d->imp[STACKD_TX].cfg};
    const json_t *one;
    size_t i;

    json_array_foreach(set, i, one)
    {
        const char *name = control_str(one, "name"), *value = control_str(one, "value");
        const char *dir = control_str(one, "dir");
        bool known = true, good = true;

        if (d->queues != NULL && strcmp(name, "rate") == 0)
            return control_refuse("start stackd without --queues",
                                  "a rate is of one wire, and each queue is one");
        if (strcmp(dir, "tx") != 0)
            good = fault_apply(&f[STACKD_RX], name, value, &known);
        if (good && strcmp(dir, "rx") != 0)
            good = fault_apply(&f[STACKD_TX], name, value, &known);
        if (!known)
            return control_usage(
                "there is no fault %.40s: use drop, mark, corrupt, duplicate, reorder, "
                "delay, jitter or rate",
                name);
        if (!good)
            return control_usage("%.40s is no value for %s: chances are 0 to 100 percent, delays "
                                 "milliseconds, a rate is like 10M",
                                 value, name);
    }
    if (imp_set(&d->imp[STACKD_RX], &f[STACKD_RX]) != 0 ||
        imp_set(&d->imp[STACKD_TX], &f[STACKD_TX]) != 0)
        return control_usage(
            "the bad wire does not take these values together: lower the delay or jitter");
    return NULL;
}

json_t *control_fault(struct client *c, const json_t *request)
{
    struct stackd *d = c->ctl->d;
    const json_t *set = json_object_get(request, "set");
    json_t *refused = NULL, *reply;

    if (json_is_true(json_object_get(request, "off"))) {
        struct imp_config good;

        imp_config_default(&good);
        (void)imp_set(&d->imp[STACKD_RX], &good);
        (void)imp_set(&d->imp[STACKD_TX], &good);
    } else if (json_is_array(set)) {
        refused = fault_set(d, set);
    }
    if (refused != NULL)
        return refused;
    reply = control_ok();
    json_object_set_new(reply, "fault",
                        json_pack("{s:o,s:o}", "rx", show_fault(&d->imp[STACKD_RX].cfg), "tx",
                                  show_fault(&d->imp[STACKD_TX].cfg)));
    return reply;
}
