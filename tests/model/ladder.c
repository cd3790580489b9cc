/*
 * ladder.c - a path as a person reads it: what happened in the middle, the states at the sides.
 */
#include "search.h"

#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp_flags.h"

enum { COLUMN = 60 };

static const char *const step_names[] = {"listens",
                                         "connects",
                                         "sends",
                                         "shuts its sending side",
                                         "closes",
                                         "aborts",
                                         "reads",
                                         "stops listening",
                                         "is sent a SYN by a stranger",
                                         "is sent a forged ACK",
                                         "has waited"};

void ladder_head(const struct model *m, FILE *f)
{
    fprintf(f, "scenario %s: %s\n", m->sc->name, m->sc->about);
    fprintf(f, "A: %s\nB: %s\n\n", m->sc->user[0], m->sc->user[1]);
    fprintf(f, "%10s  %-11s  %-*s  %s\n", "seconds", "A", COLUMN, "", "B");
}

/* A number as an offset from the initial one of its connection. */
static void seq_text(const struct model *m, unsigned h, tcp_seq seq, char *out, size_t len)
{
    const struct end *e = &m->end[h];

    for (unsigned i = e->talks; i > 0; i--) {
        uint32_t off = seq_dist(e->talk[i - 1].iss, seq);

        if (off < 1u << 16) {
            snprintf(out, len, "%u%.*s", off, (int)(e->talks - i), "''''''''");
            return;
        }
    }
    snprintf(out, len, "%u", seq.v);
}

static void seg_text(struct model *m, const struct seg *g, char *out, size_t len)
{
    char seq[16], ack[16], left[16], right[16];
    struct tcp_seg s = {0};
    struct ip4_hdr ip;
    size_t at;

    if (ip4_parse(&ip, (struct span){g->frame + ETH_HDR_LEN, g->len - ETH_HDR_LEN}) != V_NEXT)
        return;
    size_t l4 = ETH_HDR_LEN + ip.hdr_len, total = (size_t)ip.total - ip.hdr_len;

    if (tcp_parse(&s, (struct span){g->frame + l4, total}) != V_NEXT)
        return;
    observe(m); /* a SYN that has just left: its number must be known */
    seq_text(m, g->from, s.seq, seq, sizeof(seq));
    seq_text(m, !g->from, s.ack, ack, sizeof(ack));
    at = (size_t)snprintf(out, len, "%s seq %s", tcp_flags_name(s.flags), seq);
    if (total > s.hdr_len)
        at += (size_t)snprintf(out + at, len - at, " +%zu", total - s.hdr_len);
    if (s.flags & TCP_ACK)
        at += (size_t)snprintf(out + at, len - at, " ack %s", ack);
    at += (size_t)snprintf(out + at, len - at, " win %u", s.wnd);
    for (unsigned i = 0; i < s.opt.sack_count && at < len; i++) {
        seq_text(m, !g->from, s.opt.sack[i].left, left, sizeof(left));
        seq_text(m, !g->from, s.opt.sack[i].right, right, sizeof(right));
        at += (size_t)snprintf(out + at, len - at, " sack %s-%s", left, right);
    }
}

void ladder_sent(struct model *m, const struct seg *s)
{
    char text[80] = "?", number[8];

    if (m->ladder == NULL)
        return;
    seg_text(m, s, text, sizeof(text));
    snprintf(number, sizeof(number), "#%u", s->number);
    fprintf(m->ladder, "%10s  %-11s  %s%-4s %-*s%s\n", "", "", s->from == 0 ? "-> " : "<- ", number,
            COLUMN - 8, text, "");
}

static void ladder_line(struct model *m, const char *text)
{
    fprintf(m->ladder, "%10.6f  %-11s  %s\n", (double)m->now / 1e9, "", text);
}

void ladder_note(struct model *m, const char *text)
{
    if (m->ladder != NULL)
        fprintf(m->ladder, "%s\n", text);
}

void ladder_act(struct model *m, struct act act)
{
    char text[128], word[4];
    const struct end *e;
    const struct seg *s;
    const struct step *step;
    char seg[80] = "?";

    if (m->ladder == NULL)
        return;
    model_act_text(act, word);
    switch ((enum act_kind)act.kind) {
    case ACT_USER:
    case ACT_EARLY:
        e = &m->end[act.arg];
        step = &e->steps[e->step];
        while (act.kind == ACT_EARLY && step < &e->steps[e->step_count - 1] &&
               (step == &e->steps[e->step] || !step->early))
            step++;
        snprintf(text, sizeof(text), "%-3s %c %s", word, 'A' + act.arg, step_names[step->kind]);
        break;
    case ACT_DELIVER:
    case ACT_DROP:
    case ACT_DUP:
        s = &m->wire[act.arg];
        seg_text(m, s, seg, sizeof(seg));
        snprintf(text, sizeof(text), "%-3s #%u %s %s (%s)", word, s->number,
                 act.kind == ACT_DELIVER ? (s->from == 0 ? "-> arrives at" : "<- arrives at")
                 : act.kind == ACT_DROP  ? "is lost on its way to"
                                         : "is doubled on its way to",
                 s->from == 0 ? "B" : "A", seg);
        break;
    default:
        snprintf(text, sizeof(text), "%-3s time passes", word);
    }
    ladder_line(m, text);
}

void ladder_states(struct model *m)
{
    if (m->ladder == NULL)
        return;
    fprintf(m->ladder, "%10.6f  %-11s  %-*s  %s\n", (double)m->now / 1e9,
            tcp_state_name(model_state(m, 0)), COLUMN, "", tcp_state_name(model_state(m, 1)));
    if (m->fault != NULL)
        fprintf(m->ladder, "\nWRONG: %s\n", m->fault);
}
