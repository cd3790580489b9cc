#include "services.h"

#include <stdlib.h>

static void services_run(void *ctx)
{
    struct services *s = ctx;

    app_run(&s->app, world_now(s->h));
}

static net_time services_deadline(void *ctx)
{
    struct services *s = ctx;
    net_time at = app_deadline(&s->app);

    return at == NET_NEVER ? NET_NEVER : at - s->h->offset;
}

static int64_t services_calendar(void *ctx)
{
    struct services *s = ctx;

    return 1700000000 + s->h->w->now / NET_SEC(1);
}

void services_start(struct services *s, struct world_host *h, uint32_t connections)
{
    struct app_config cfg;
    struct region r = {0};

    *s = (struct services){.h = h};
    app_config_default(&cfg);
    if (connections != 0)
        cfg.connections = connections;
    app_cut(&s->app, &cfg, &r);
    s->mem = calloc(1, r.used);
    T_NEED(s->mem != NULL);
    r = (struct region){.p = s->mem, .len = r.used};
    app_cut(&s->app, &cfg, &r);
    T_NEED(!r.overflow);
    struct app_env env = {
        .core = &h->n.core,
        .socks = net_socks(&h->n),
        .tcp = &h->n.tcp,
        .arp = &h->n.ifs[0].arp,
        .ip = &h->n.ip,
        .calendar = services_calendar,
        .calendar_ctx = s,
    };

    T_NEED(app_init(&s->app, &env) == 0);
    for (const struct app_service *const *it = app_service_list; *it != NULL; it++)
        T_EQ(app_start(&s->app, (*it)->name, 0), 0);
    h->has_services = true;
    h->user = services_run;
    h->user_deadline = services_deadline;
    h->ctx = s;
}

void services_stop(struct services *s)
{
    app_stop(&s->app);
}

void services_free(struct services *s)
{
    T_TRUE(app_stopped(&s->app));
    T_EQ(s->app.conns.used, 0);
    s->h->user = NULL;
    s->h->user_deadline = NULL;
    free(s->mem);
}
