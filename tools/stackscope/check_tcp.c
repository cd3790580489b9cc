/*
 * check_tcp.c - what is wrong with a segment, seen from its connection.
 *
 * What happens once per segment is told once per segment where each is an event of its own (a reset that must
 * not be taken), and once per end where one cause makes many (a sender that ignores the window).
 */
#include "check.h"
#include <stdio.h>

#include "conn.h"

enum { STORM = 4, SILLY = 3, SUMS_SURE = 3, TTL_FAR = 3, MSS_LEAST = 88 };

static void seg_once(struct check *k, const struct track_segment *g, bool *told,
                     enum check_kind kind, const char *detail)
{
    char where[120];

    if (*told)
        return;
    *told = true;
    check_report(k, kind, g->frame->number, g->frame->time, check_where(g->conn, g->from, where),
                 "%s", detail);
}

static void seg_each(struct check *k, const struct track_segment *g, enum check_kind kind,
                     const char *detail)
{
    bool told = false;

    seg_once(k, g, &told, kind, detail);
}

/* Wrong checksums are only wrong where right ones are seen, too: else they are left to the device. */
static void seg_sums(struct check *k, const struct track_segment *g, struct check_end *e)
{
    enum dissect_sum ip, tcp;

    dissect_sums(g->d, g->frame, &ip, &tcp);
    if (ip == SUM_BAD) {
        seg_each(k, g, CHECK_BAD_SUM, "of the IP header");
    } else if (tcp == SUM_BAD) {
        e->sums_wrong++;
        if (e->first_wrong == 0)
            e->first_wrong = g->frame->number;
        if (e->sums > 0)
            seg_each(k, g, CHECK_BAD_SUM, "of TCP");
        e->sums = (int16_t)(e->sums > -100 ? e->sums - 1 : -100);
    } else if (tcp == SUM_GOOD && e->sums < 100) {
        e->sums++;
    }
}

static void seg_flags(struct check *k, const struct track_segment *g)
{
    uint8_t f = g->d->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG);

    if (f == 0)
        seg_each(k, g, CHECK_ODD_FLAGS, "no flag at all: a NULL scan");
    else if (f == (TCP_FIN | TCP_PSH | TCP_URG))
        seg_each(k, g, CHECK_ODD_FLAGS, "FIN, PSH and URG: a Christmas tree scan");
    else if (f == TCP_FIN)
        seg_each(k, g, CHECK_ODD_FLAGS, "FIN without ACK: a FIN scan");
    else if ((f & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN))
        seg_each(k, g, CHECK_ODD_FLAGS, "SYN and FIN");
    else if ((f & (TCP_SYN | TCP_RST)) == (TCP_SYN | TCP_RST))
        seg_each(k, g, CHECK_ODD_FLAGS, "SYN and RST");
}

/* A closed window: how long? Told when it opens, or the connection ends. */
static void seg_zero(struct check *k, const struct track_segment *g, struct check_end *e)
{
    char where[120];

    if ((g->d->tcp.flags & (TCP_SYN | TCP_RST | TCP_FIN)) != 0)
        return;
    if (g->what & SEG_ZERO_WINDOW) {
        if (e->zero_since == 0) {
            e->zero_since = g->frame->time;
            e->zero_frame = g->frame->number;
        }
        return;
    }
    if (e->zero_since != 0 && g->frame->time - e->zero_since >= NET_SEC(1))
        check_report(k, CHECK_ZERO_STALL, e->zero_frame, e->zero_since,
                     check_where(g->conn, g->from, where), "closed for %.3f s, until #%llu",
                     (double)(g->frame->time - e->zero_since) / 1e9,
                     (unsigned long long)g->frame->number);
    e->zero_since = 0;
}

/* The receiver opens the window by less than a segment and less than half of what it can, again and again. */
static void seg_silly(struct check *k, const struct track_segment *g, struct check_end *e)
{
    const struct track_end *me = &g->conn->end[g->from], *peer = &g->conn->end[1 - g->from];
    uint32_t mss = peer->mss != 0 ? peer->mss : 536, half = me->window_max / 2;

    if ((g->d->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 || g->window == 0 ||
        me->wscale == 255)
        return;
    if (g->window >= u32_min(mss, half)) {
        e->silly = 0;
        return;
    }
    if ((g->what & SEG_WINDOW_UPDATE) != 0 && ++e->silly >= SILLY)
        seg_once(k, g, &e->silly_told, CHECK_SILLY_WINDOW,
                 "opened by less than a segment, three times in a row");
}

static void seg_blind_data(struct check *k, const struct track_segment *g)
{
    const struct conn *c = (const struct conn *)(const void *)g->conn;
    const struct side *s = &c->side[g->from], *o = &c->side[1 - g->from];
    char detail[100];

    if (g->len == 0 || (g->d->tcp.flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK || !o->seen ||
        c->pub.end[1 - g->from].state < TCP_ESTABLISHED)
        return;
    int32_t behind = seq_diff(s->ack, g->d->tcp.ack); /* what it acknowledged before */
    if (behind > 0 && (uint32_t)behind > g->conn->end[g->from].window_max) {
        snprintf(detail, sizeof(detail),
                 "it acknowledges %d bytes less than was acknowledged before", behind);
        seg_each(k, g, CHECK_BLIND_DATA, detail);
    }
}

static void seg_ttl(struct check *k, const struct track_segment *g, struct check_end *e)
{
    char detail[60];
    int far = (int)g->d->ttl - (int)e->ttl;

    if (e->ttl == 0) {
        e->ttl = g->d->ttl;
    } else if (far >= TTL_FAR || far <= -TTL_FAR) {
        snprintf(detail, sizeof(detail), "TTL %u, before %u", g->d->ttl, e->ttl);
        seg_once(k, g, &e->ttl_told, CHECK_TTL, detail);
    }
}

static void seg_repeats(struct check *k, const struct track_segment *g, struct check_conn *cc)
{
    struct check_end *e = &cc->end[g->from];

    cc->end[1 - g->from].storm = 0; /* the other one is heard */
    if (g->what & SEG_SPURIOUS)
        seg_once(k, g, &e->spurious_told, CHECK_SPURIOUS, "the first time on this connection");
    if ((g->what & SEG_RTX) != 0 && ++e->storm >= STORM)
        seg_once(k, g, &e->storm_told, CHECK_RTX_STORM, "for the fourth time in a row");
    const struct tcp_opts *o = &g->d->tcp.opt;

    if (o->has_ts && (g->d->tcp.flags & TCP_RST) == 0) {
        if (e->has_ts && (int32_t)(o->tsval - e->ts_last) < -1 &&
            (g->what & (SEG_OUT_OF_ORDER | SEG_RTX)) == 0)
            seg_each(k, g, CHECK_PAWS, "");
        if (!e->has_ts || (int32_t)(o->tsval - e->ts_last) > 0)
            e->ts_last = o->tsval;
        e->has_ts = true;
    }
}

void check_segment(struct check *k, const struct track_segment *g)
{
    struct check_conn *cc = check_conn_of(g->conn);

    if (cc == NULL)
        return;
    struct check_end *e = &cc->end[g->from];
    char detail[100];

    seg_sums(k, g, e);
    seg_flags(k, g);
    if (g->what & SEG_BAD_SUM)
        return;
    if (g->what & SEG_AFTER_FIN)
        seg_each(k, g, CHECK_AFTER_FIN, "");
    if (g->what & SEG_WINDOW_EXCEEDED)
        seg_once(k, g, &e->exceeded_told, CHECK_WINDOW_EXCEEDED,
                 "the first time on this connection");
    if (g->what & SEG_OLD_RST) {
        snprintf(detail, sizeof(detail), "its number is %u (relative)", g->rel_seq);
        seg_each(k, g, CHECK_BLIND_RST, detail);
    }
    if (g->what & SEG_UNSEEN_ACKED)
        seg_once(k, g, &e->lost_told, CHECK_LOST, "the first time on this connection");
    if (((const struct conn *)(const void *)g->conn)->self && (g->d->tcp.flags & TCP_SYN) != 0)
        seg_each(k, g, CHECK_LAND, "");
    if ((g->d->tcp.flags & TCP_SYN) != 0 && g->d->tcp.opt.has_mss &&
        g->d->tcp.opt.mss < MSS_LEAST) {
        snprintf(detail, sizeof(detail), "MSS %u", g->d->tcp.opt.mss);
        seg_each(k, g, CHECK_SMALL_MSS, detail);
    }
    seg_blind_data(k, g);
    seg_ttl(k, g, e);
    seg_repeats(k, g, cc);
    seg_zero(k, g, e);
    seg_silly(k, g, e);
}
