/*
 * ladder_rows.c - the rows of a ladder: collected while the capture passes, judged and folded at the end.
 *
 * A reader of a ladder wants the handshake, the end, and whatever is not as it should be; of ten thousand
 * segments in between that all look alike, their number. So a row is *notable* when it opens, closes
 * or resets, when somebody said something beside the frame, when it is lost, sent again, out of order, or
 * speaks of a closed window; the first duplicate ACKs of a run are notable, the others are not. Rows
 * near a notable one stay for context. A run of at least FOLD_LEAST rows of the others is folded.
 *
 * The same folding, asked not to look at the first and the last quarter, makes room when a connection
 * has more rows than are kept.
 */
#include <stdlib.h>
#include <string.h>

#include "ladder.h"

enum {
    FOLD_LEAST = 4,   /* fewer rows are not worth a fold */
    FOLD_HEAD = 10,   /* rows at the beginning that stay */
    FOLD_TAIL = 6,    /* ... at the end */
    FOLD_NEAR = 2,    /* ... around a notable one */
    FOLD_DUP_ACKS = 3 /* duplicate ACKs of a run that stay */
};

void ladder_init(struct ladder *l, size_t limit, size_t *budget)
{
    *l = (struct ladder){.limit = limit, .budget = budget};
}

void ladder_free(struct ladder *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->rows[i].comment);
    free(l->rows);
    *l->budget += l->room;
    l->rows = NULL;
    l->count = l->room = 0;
}

static bool ladder_is_notable(const struct ladder_row *r)
{
    enum { CALM = SEG_WINDOW_UPDATE | SEG_WINDOW_FULL | SEG_DUP_ACK };

    return r->keep || r->comment != NULL || r->fate != LADDER_ARRIVED ||
           (r->flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 || (r->what & ~(uint32_t)CALM) != 0;
}

/* Put row @r into the fold @f, which is a segment until then. */
static void ladder_fold_in(struct ladder_row *f, struct ladder_row *r)
{
    struct ladder_row *both[2] = {f, r};

    for (unsigned i = ladder_is_fold(f) ? 1 : 0; i < 2; i++) {
        struct ladder_row *x = both[i];

        if (ladder_is_fold(x)) {
            for (unsigned e = 0; e < 2; e++) {
                f->folded[e] += x->folded[e];
                f->folded_bytes[e] += x->folded_bytes[e];
            }
            f->folded_rtx += x->folded_rtx;
            f->folded_dup += x->folded_dup;
            f->folded_lost += x->folded_lost;
        } else {
            f->folded[x->from]++;
            f->folded_bytes[x->from] += x->len;
            f->folded_rtx += (x->what & (SEG_RTX | SEG_FAST_RTX)) != 0;
            f->folded_dup += (x->what & SEG_DUP_ACK) != 0;
            f->folded_lost += x->fate == LADDER_LOST || x->fate == LADDER_REFUSED;
        }
        free(x->comment);
        x->comment = NULL;
    }
    f->last_frame = r->last_frame;
    f->last_time = r->last_time;
}

/* Fold rows [@from, @to) into the first of them. */
static void ladder_fold_range(struct ladder *l, size_t from, size_t to)
{
    for (size_t i = from + 1; i < to; i++)
        ladder_fold_in(&l->rows[from], &l->rows[i]);
    memmove(&l->rows[from + 1], &l->rows[to], (l->count - to) * sizeof(l->rows[0]));
    l->count -= to - from - 1;
}

/* Which frames changed a state: those rows are never folded. */
static void ladder_keep_changes(struct ladder *l)
{
    for (size_t c = 0; c < l->change_count; c++) {
        size_t low = 0, high = l->count;
        uint64_t frame = l->changes[c].frame;

        while (low < high) { /* the first row that does not end before the frame */
            size_t mid = low + (high - low) / 2;

            if (l->rows[mid].last_frame < frame)
                low = mid + 1;
            else
                high = mid;
        }
        if (low < l->count && l->rows[low].frame == frame)
            l->rows[low].keep = true;
    }
}

/* Fold what nobody would miss. @stays: room for a mark per row. */
static void ladder_fold_calm(struct ladder *l, uint8_t *stays)
{
    unsigned run[2] = {0, 0};
    size_t o = 0;

    memset(stays, 0, l->count);
    for (size_t i = 0; i < l->count; i++) {
        const struct ladder_row *r = &l->rows[i];
        bool is_dup = (r->what & SEG_DUP_ACK) != 0;

        run[r->from] = is_dup ? run[r->from] + 1 : 0;
        if (i < FOLD_HEAD || i + FOLD_TAIL >= l->count)
            stays[i] = 1;
        if (!ladder_is_notable(r) && !(is_dup && run[r->from] <= FOLD_DUP_ACKS))
            continue;
        stays[i] = 1;
        for (size_t k = 1; k <= FOLD_NEAR; k++) {
            if (i >= k)
                stays[i - k] = 1;
            if (i + k < l->count)
                stays[i + k] = 1;
        }
    }
    for (size_t i = 0; i < l->count;) {
        size_t end = i;

        while (end < l->count && !stays[end])
            end++;
        bool worth = end - i >= FOLD_LEAST || (end > i && ladder_is_fold(&l->rows[i]));
        size_t next = end > i ? end : i + 1;

        if (worth) {
            for (size_t k = i + 1; k < end; k++)
                ladder_fold_in(&l->rows[i], &l->rows[k]);
            l->rows[o++] = l->rows[i];
        } else {
            for (size_t k = i; k < next; k++)
                l->rows[o++] = l->rows[k];
        }
        i = next;
    }
    l->count = o;
}

/* Room for another row: grow, or fold the middle. Return: whether there is. */
static bool ladder_room(struct ladder *l)
{
    if (l->count < l->room)
        return true;
    size_t more = l->room == 0 ? 16 : l->room;

    if (more > l->limit - l->room)
        more = l->limit - l->room;
    if (more > 0 && *l->budget >= more) {
        struct ladder_row *rows = realloc(l->rows, (l->room + more) * sizeof(*rows));

        if (rows != NULL) {
            l->rows = rows;
            l->room += more;
            *l->budget -= more;
            return true;
        }
    }
    l->short_of_memory = true;
    if (l->count < 8)
        return false;
    ladder_fold_range(l, l->count / 4, l->count - l->count / 4);
    return true;
}

/* What the comment says about the frame's fate. */
static enum ladder_fate ladder_comment_fate(const char *comment)
{
    if (strstr(comment, "bad wire: drop") != NULL || strstr(comment, "dropped: wire") != NULL)
        return LADDER_LOST;
    if (strstr(comment, "dropped: tcp duplicate") != NULL || strstr(comment, "dropped: ") == NULL)
        return LADDER_ARRIVED; /* what is in it was there already */
    return LADDER_REFUSED;
}

/* What is said beside every other frame is no news: a wire that delays all of them, a congestion window that
 * grows with each ACK. */
static bool ladder_is_routine(const char *line, size_t len)
{
    static const char *const routine[] = {"bad wire: delay"};
    static const char *const growth[] = {"(start)", "(slow start)", "(congestion avoidance)",
                                         "(recovery)"};

    for (size_t i = 0; i < sizeof(routine) / sizeof(routine[0]); i++) {
        if (len == strlen(routine[i]) && memcmp(line, routine[i], len) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(growth) / sizeof(growth[0]); i++) {
        size_t n = strlen(growth[i]);

        if (len > n + 5 && memcmp(line, "cwnd ", 5) == 0 &&
            memcmp(line + len - n, growth[i], n) == 0)
            return true;
    }
    return false;
}

/* The lines of a comment that are kept, at most LADDER_COMMENT bytes. Return: NULL: none. */
static char *ladder_comment(struct span c)
{
    char kept[LADDER_COMMENT + 1];
    size_t used = 0;
    const char *p = (const char *)c.p, *end = p + c.len;

    while (p != NULL && p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((stop == NULL ? end : stop) - p),
               room = LADDER_COMMENT - used - (used > 0);

        bool is_twice = len == 14 && memcmp(p, "bad wire: drop", 14) == 0 &&
                        memmem(p, (size_t)(end - p), "dropped: wire", 13) != NULL;

        if (len > 0 && !is_twice && !ladder_is_routine(p, len) && used + 1 < LADDER_COMMENT) {
            size_t take = len < room ? len : room;

            while (take > 0 && take < len && ((unsigned char)p[take] & 0xc0) == 0x80)
                take--; /* not in the middle of a character */
            if (used > 0)
                kept[used++] = '\n';
            memcpy(kept + used, p, take);
            used += take;
        }
        p += len + 1;
    }
    return used == 0 ? NULL : strndup(kept, used);
}

void ladder_segment(struct ladder *l, const struct track_segment *s)
{
    const struct tcp_seg *t = &s->d->tcp;
    const struct track_end *peer = &s->conn->end[!s->from];

    if (l->segments++ == 0) {
        l->index = s->conn->index;
        l->first_time = s->frame->time;
    }
    l->last_time = s->frame->time;
    l->bytes[s->from] += s->len;
    l->rtx += (s->what & (SEG_RTX | SEG_FAST_RTX)) != 0;
    if (!ladder_room(l))
        return;
    struct ladder_row *r = &l->rows[l->count++];

    *r = (struct ladder_row){.frame = s->frame->number,
                             .nth = l->segments,
                             .last_frame = s->frame->number,
                             .time = s->frame->time,
                             .last_time = s->frame->time,
                             .seq = s->rel_seq,
                             .ack = s->rel_ack,
                             .len = s->len,
                             .window = s->window,
                             .what = s->what,
                             .rtx_of = s->rtx_of,
                             .from = (uint8_t)s->from,
                             .flags = t->flags,
                             .mss = t->opt.has_mss ? t->opt.mss : 0,
                             .wscale = t->opt.has_wscale ? t->opt.wscale : 255,
                             .sack_ok = t->opt.has_sack_ok,
                             .sack_count = t->opt.sack_count,
                             .keep = s->before[0] != s->after[0] || s->before[1] != s->after[1]};
    for (unsigned i = 0; i < r->sack_count; i++) {
        r->sack[i].left = t->opt.sack[i].left.v - peer->iss.v;
        r->sack[i].right = t->opt.sack[i].right.v - peer->iss.v;
    }
    r->comment = ladder_comment(s->frame->comment);
    if (r->comment != NULL)
        r->fate = (uint8_t)ladder_comment_fate(r->comment);
}

void ladder_state(struct ladder *l, const struct track_state *s)
{
    if (l->change_count == LADDER_CHANGES) {
        l->changes_lost++;
        return;
    }
    size_t at = l->change_count++;
    uint64_t frame = s->frame;

    /* An end takes its arrows one after another, also where the capture saw their causes the other way round:
     * a FIN on its way here while ours left. */
    for (size_t i = 0; i < at; i++) {
        if (l->changes[i].end == s->end && frame != 0 && l->changes[i].frame > frame)
            frame = l->changes[i].frame;
    }
    /* In the order of the frames; they are told in the order of their proofs. */
    while (at > 0 && frame != 0 &&
           (l->changes[at - 1].frame > frame || l->changes[at - 1].frame == 0)) {
        l->changes[at] = l->changes[at - 1];
        at--;
    }
    struct ladder_change *c = &l->changes[at];

    *c = (struct ladder_change){.frame = frame,
                                .time = s->time,
                                .end = (uint8_t)s->end,
                                .from = s->from,
                                .to = s->to,
                                .presumed = s->proof == 0};
    snprintf(c->cause, sizeof(c->cause), "%s", s->cause == NULL ? "" : s->cause);
}

void ladder_ended(struct ladder *l, const struct track_conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        char text[120];
        char *dash;

        /* `10.0.0.2:80-10.0.0.1:40112`: of an address neither has a dash. */
        track_conn_text(c, e, text);
        dash = strchr(text, '-');
        if (dash != NULL)
            *dash = '\0';
        snprintf(l->name[e], sizeof(l->name[e]), "%.63s", text);
    }
    l->joined = c->joined;
}

struct ladder_row *ladder_find(const struct ladder *l, uint64_t frame)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (l->rows[mid].last_frame < frame)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == l->count || l->rows[low].frame != frame || ladder_is_fold(&l->rows[low]))
        return NULL;
    return &l->rows[low];
}

bool ladder_is_dsack(const struct ladder_row *r)
{
    if (r->sack_count == 0)
        return false;
    if (seq_leq(seq_of(r->sack[0].right), seq_of(r->ack)))
        return true;
    return r->sack_count > 1 && seq_geq(seq_of(r->sack[0].left), seq_of(r->sack[1].left)) &&
           seq_leq(seq_of(r->sack[0].right), seq_of(r->sack[1].right));
}

/* What came twice had not been lost after all. */
static void ladder_unlose(struct ladder *l, const struct ladder_row *ack, size_t at)
{
    for (size_t i = at; i-- > 0;) { /* the last one before it with these bytes */
        struct ladder_row *r = &l->rows[i];

        if (r->from == ack->from || ladder_is_fold(r) || r->len == 0 || r->seq != ack->sack[0].left)
            continue;
        struct ladder_row *first = r->rtx_of == 0 ? r : ladder_find(l, r->rtx_of);

        if (first != NULL && first->comment == NULL && first->sent_again != 0)
            first->fate = LADDER_ARRIVED;
        return;
    }
}

static void ladder_judge(struct ladder *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct ladder_row *r = &l->rows[i];

        if (ladder_is_fold(r) || r->rtx_of == 0 ||
            (r->what & (SEG_KEEPALIVE | SEG_WINDOW_PROBE)) != 0)
            continue;
        struct ladder_row *first = ladder_find(l, r->rtx_of);

        if (first == NULL)
            continue;
        if (first->sent_again == 0)
            first->sent_again = r->frame;
        if (r->comment != NULL && strstr(r->comment, "dropped: tcp duplicate") != NULL)
            continue; /* its receiver had it already */
        if (first->fate == LADDER_ARRIVED && (r->what & SEG_SPURIOUS) == 0 &&
            first->comment == NULL)
            first->fate = (r->what & SEG_FAST_RTX) != 0 ? LADDER_LOST : LADDER_SENT_AGAIN;
    }
    for (size_t i = 0; i < l->count; i++) {
        if (!ladder_is_fold(&l->rows[i]) && ladder_is_dsack(&l->rows[i]))
            ladder_unlose(l, &l->rows[i], i);
    }
}

void ladder_finish(struct ladder *l, const struct ladder_style *style)
{
    ladder_judge(l);
    ladder_keep_changes(l);
    if (!style->all_segments && l->count > 0) {
        uint8_t *stays = malloc(l->count);

        if (stays != NULL)
            ladder_fold_calm(l, stays);
        free(stays);
    }
    if (style->rows != 0 && l->count > style->rows) {
        size_t tail = style->rows / 2, head = style->rows - tail - 1;

        ladder_fold_range(l, head, l->count - tail);
    }
}
