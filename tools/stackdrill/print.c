/*
 * print.c - a tree back to the language. What is printed is read as the same tree, but symbols of
 * --define stand there already replaced, so the definitions themselves are left out.
 */
#include "script.h"
#include <inttypes.h>
#include <string.h>

static void print_seconds(int64_t ns, FILE *out)
{
    const int64_t second = 1000 * 1000 * 1000;
    char fraction[16];
    size_t len = 9;

    snprintf(fraction, sizeof(fraction), "%09" PRId64, ns % second);
    while (len > 0 && fraction[len - 1] == '0')
        len--;
    fprintf(out, "%" PRId64, ns / second);
    if (len > 0)
        fprintf(out, ".%.*s", (int)len, fraction);
}

static void print_value(const struct script_value *v, FILE *out)
{
    if (v->capture != NULL) {
        fprintf(out, "=$%s", v->capture);
        return;
    }
    if (v->name_count == 0) {
        fprintf(out, "%" PRId64, v->number);
        return;
    }
    for (size_t i = 0; i < v->name_count; i++) {
        if (i == 0 && v->names[i].minus)
            fputc('0', out);
        if (i > 0 || v->names[i].minus)
            fputc(v->names[i].minus ? '-' : '+', out);
        fprintf(out, "$%s", v->names[i].name);
    }
    if (v->number != 0)
        fprintf(out, "%+" PRId64, v->number);
}

static void print_word_value(const char *word, const struct script_value *v, FILE *out)
{
    if (!v->is_set)
        return;
    fprintf(out, " %s ", word);
    print_value(v, out);
}

const char *script_flags_text(uint16_t flags, bool as_ace, char *buf)
{
    static const char names[] = "FSRP.UEWA"; /* bit 0 upward */
    static const char order[] = "SFRPUEWA.";
    size_t n = 0;

    for (const char *c = order; *c != '\0'; c++) {
        const unsigned bit = 1u << (strchr(names, *c) - names);

        if ((flags & bit) != 0 && !(as_ace && bit >= SCRIPT_ECE))
            buf[n++] = *c;
    }
    if (as_ace)
        buf[n++] = (char)('0' + (flags & SCRIPT_ECE ? 1 : 0) + (flags & SCRIPT_CWR ? 2 : 0) +
                          (flags & SCRIPT_AE ? 4 : 0));
    if (n == 0)
        buf[n++] = '-';
    buf[n] = '\0';
    return buf;
}

static void print_range(const struct script_value *seq, const struct script_value *end,
                        const struct script_value *len, FILE *out)
{
    print_value(seq, out);
    fputc(':', out);
    print_value(end, out);
    fputc('(', out);
    print_value(len, out);
    fputc(')', out);
}

static void print_option(const struct script_opt *o, FILE *out)
{
    static const char *const counters[2][3] = {
        {"e0b", "ceb", "e1b"},
        {"e1b", "ceb", "e0b"}
    };

    fputs(script_opt_name(o->kind), out);
    switch (o->kind) {
    case SCRIPT_OPT_MSS:
    case SCRIPT_OPT_WSCALE:
        fputc(' ', out);
        print_value(&o->a, out);
        break;
    case SCRIPT_OPT_TS:
        print_word_value("val", &o->a, out);
        print_word_value("ecr", &o->b, out);
        break;
    case SCRIPT_OPT_SACK:
        for (size_t i = 0; i < o->count; i++) {
            fputc(' ', out);
            print_value(&o->sack[i].left, out);
            fputc(':', out);
            print_value(&o->sack[i].right, out);
        }
        break;
    case SCRIPT_OPT_MD5:
    case SCRIPT_OPT_FO:
    case SCRIPT_OPT_FOEXP:
        for (size_t i = 0; i < o->count; i++)
            fprintf(out, "%s%02x", i == 0 ? " " : "", o->bytes[i]);
        break;
    case SCRIPT_OPT_ACCECN0:
    case SCRIPT_OPT_ACCECN1:
        for (size_t i = 0; i < o->count; i++)
            fprintf(out, " %s %" PRIu32, counters[o->kind == SCRIPT_OPT_ACCECN1][i], o->counter[i]);
        break;
    case SCRIPT_OPT_EOL:
    case SCRIPT_OPT_NOP:
    case SCRIPT_OPT_SACK_OK:
        break;
    }
}

static void print_tcp(const struct script_tcp *t, FILE *out)
{
    char flags[16];

    fprintf(out, "%s ", script_flags_text(t->flags, t->has_ace, flags));
    print_range(&t->seq, &t->end, &t->len, out);
    print_word_value("ack", &t->ack, out);
    print_word_value("win", &t->win, out);
    print_word_value("urg", &t->urg, out);
    if (t->any_options)
        fputs(" <...>", out);
    for (size_t i = 0; i < t->option_count; i++) {
        fputs(i == 0 ? " <" : ",", out);
        print_option(&t->options[i], out);
    }
    if (t->option_count > 0)
        fputc('>', out);
}

static void print_icmp(const struct script_icmp *m, FILE *out)
{
    fprintf(out, "%s %s", m->is_v6 ? "icmpv6" : "icmp", m->type_name);
    if (m->code_name != NULL)
        fprintf(out, " %s", m->code_name);
    if (m->has_mtu)
        fprintf(out, " mtu %" PRIu32, m->mtu);
    if (m->has_id)
        fprintf(out, " id %u", m->id);
    if (m->inner == SCRIPT_INNER_NONE)
        return;
    fputs(" [", out);
    if (m->inner == SCRIPT_INNER_TCP) {
        print_range(&m->inner_seq, &m->inner_end, &m->inner_len, out);
    } else {
        fputs(m->inner == SCRIPT_INNER_UDP ? "udp (" : "raw (", out);
        print_value(&m->inner_len, out);
        fputc(')', out);
    }
    fputc(']', out);
}

static void print_encap(const struct script_encap *e, FILE *out)
{
    static const char *const names[] = {"ipv4", "ipv6", "gre", "mpls", "encap psp spi"};

    fprintf(out, " %s", names[e->kind]);
    if (e->src != NULL)
        fprintf(out, " %s > %s", e->src, e->dst);
    if (e->kind == SCRIPT_ENCAP_PSP)
        fprintf(out, " %" PRIu32, e->spi);
    if (e->kind == SCRIPT_ENCAP_MPLS)
        fputs(" (", out);
    for (size_t i = 0; i < e->field_count; i++) {
        const struct script_field *f = &e->fields[i];

        fputs(i > 0 ? ", " : e->kind == SCRIPT_ENCAP_GRE ? " " : "", out);
        if (f->is_bare)
            fprintf(out, "[%s]", f->name);
        else
            fprintf(out, "%s %" PRId64, f->name, f->number);
    }
    if (e->kind == SCRIPT_ENCAP_MPLS)
        fputc(')', out);
    fputc(':', out);
}

static void print_ip(const struct script_ip *ip, FILE *out)
{
    static const char *const ecn[] = {"", "noecn", "ect0", "ect1", "ect01", "ce"};
    const char *between = " [";

    if (ip->ecn != SCRIPT_ECN_UNSET) {
        fprintf(out, "%s%s", between, ecn[ip->ecn]);
        between = ", ";
    }
    if (ip->has_tos) {
        fprintf(out, "%stos 0x%02x", between, ip->tos);
        between = ", ";
    }
    if (ip->has_ttl) {
        fprintf(out, "%sttl %u", between, ip->ttl);
        between = ", ";
    }
    if (ip->has_flowlabel) {
        fprintf(out, "%sflowlabel 0x%" PRIx32, between, ip->flowlabel);
        between = ", ";
    }
    if (between[0] == ',')
        fputc(']', out);
}

static void print_packet(const struct script_packet *k, FILE *out)
{
    if (k->frag_size != 0)
        fprintf(out, "frag %" PRIu32 " ", k->frag_size);
    for (size_t i = 0; i < k->frag_count; i++) {
        fprintf(out, "%s%" PRIu32 ":", i == 0 ? "frag " : "", k->frags[i].from);
        if (k->frags[i].to == UINT32_MAX)
            fputs("... ", out);
        else
            fprintf(out, "%" PRIu32 " ", k->frags[i].to);
    }
    fputc(k->direction == SCRIPT_IN ? '<' : '>', out);
    for (size_t i = 0; i < k->encap_count; i++)
        print_encap(&k->encaps[i], out);
    print_ip(&k->ip, out);
    if (k->has_psp)
        fprintf(out, " psp spi %" PRIu32, k->psp_spi);
    fputc(' ', out);
    if (k->has_ports) {
        print_value(&k->src_port, out);
        fputs(" > ", out);
        print_value(&k->dst_port, out);
        fputc(' ', out);
    }
    if (k->proto == SCRIPT_TCP) {
        print_tcp(&k->tcp, out);
    } else if (k->proto == SCRIPT_ICMP) {
        print_icmp(&k->icmp, out);
    } else {
        fputs("udp (", out);
        print_value(&k->udp_len, out);
        fputc(')', out);
    }
}

static void print_arg(const struct script_arg *a, FILE *out);

static void print_items(const struct script_arg *a, const char *between, FILE *out)
{
    for (size_t i = 0; i < a->count; i++) {
        fputs(i > 0 ? between : "", out);
        print_arg(&a->items[i], out);
    }
}

static void print_string(const char *text, size_t len, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 32 || c > 126)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void print_arg(const struct script_arg *a, FILE *out)
{
    if (a->name != NULL) {
        fputs(a->name, out);
        if (a->size != NULL) {
            fputc('(', out);
            print_arg(a->size, out);
            fputc(')', out);
        }
        fputc('=', out);
    }
    switch (a->kind) {
    case SCRIPT_ARG_ELLIPSIS:
        fputs("...", out);
        break;
    case SCRIPT_ARG_INT:
        fprintf(out, a->is_hex ? "0x%" PRIx64 : "%" PRId64, a->number);
        break;
    case SCRIPT_ARG_STRING:
        print_string(a->text, a->text_len, out);
        break;
    case SCRIPT_ARG_SYMBOL:
    case SCRIPT_ARG_ADDRESS:
        fputs(a->text, out);
        break;
    case SCRIPT_ARG_OR:
        print_items(a, "|", out);
        break;
    case SCRIPT_ARG_LIST:
        fputc('[', out);
        print_items(a, ", ", out);
        fputc(']', out);
        break;
    case SCRIPT_ARG_STRUCT:
        fputc('{', out);
        print_items(a, ", ", out);
        fputc('}', out);
        break;
    case SCRIPT_ARG_CALL:
        fprintf(out, "%s(", a->text);
        print_items(a, ", ", out);
        fputc(')', out);
        break;
    }
}

static void print_call(const struct script_call *c, FILE *out)
{
    fprintf(out, "%s(", c->name);
    for (size_t i = 0; i < c->arg_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_arg(&c->args[i], out);
    }
    fputs(") = ", out);
    print_arg(&c->result, out);
    if (c->errno_name != NULL)
        fprintf(out, " %s", c->errno_name);
    if (c->errno_text != NULL)
        fprintf(out, " (%s)", c->errno_text);
    if (c->note != NULL)
        fprintf(out, " (%s)", c->note);
}

static void print_check(const struct script_check *c, FILE *out)
{
    static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">="};

    fputs("? ", out);
    if (c->has_fd)
        fprintf(out, "fd %d ", c->fd);
    fprintf(out, "%s %s ", c->fact, ops[c->op]);
    if (c->word != NULL)
        fputs(c->word, out);
    else
        print_value(&c->value, out);
}

static void print_fault(const struct script_fault *f, FILE *out)
{
    static const char *const what[] = {"none", "drop", "corrupt", "duplicate", "delay"};
    char flags[16];

    fprintf(out, "fault %s", what[f->what]);
    if (f->what == SCRIPT_FAULT_NONE)
        return;
    if (f->what == SCRIPT_FAULT_DELAY) {
        fputc(' ', out);
        print_seconds(f->delay_ns, out);
    }
    if (f->when == SCRIPT_FAULT_CHANCE)
        fprintf(out, " chance %" PRIu32 ".%04" PRIu32, f->chance_ppm / 10000,
                f->chance_ppm % 10000);
    else
        fprintf(out, " %s %" PRIu32, f->when == SCRIPT_FAULT_NEXT ? "next" : "every", f->count);
    fputs(f->inward && f->outward ? " both" : f->inward ? " in" : " out", out);
    if (f->has_flags)
        fprintf(out, " flags %s", script_flags_text(f->flags, false, flags));
}

static void print_time(const struct script_event *e, FILE *out)
{
    const bool relative =
        e->time_kind == SCRIPT_TIME_RELATIVE || e->time_kind == SCRIPT_TIME_RELATIVE_RANGE;

    if (e->time_kind == SCRIPT_TIME_NONE)
        return;
    if (e->time_kind == SCRIPT_TIME_ANY) {
        fputs("* ", out);
        return;
    }
    fputs(relative ? "+" : "", out);
    print_seconds(e->start_ns, out);
    if (e->time_kind == SCRIPT_TIME_ABSOLUTE_RANGE || e->time_kind == SCRIPT_TIME_RELATIVE_RANGE) {
        fputs(relative ? "~+" : "~", out);
        print_seconds(e->end_ns, out);
    }
    if (e->kind == SCRIPT_CALL && e->call->is_blocking) {
        fputs("...", out);
        print_seconds(e->call->end_ns, out);
    }
    fputc(' ', out);
}

static void print_repeat(const struct script_repeat *r, FILE *out)
{
    fprintf(out, "repeat %" PRIu32, r->count);
    if (r->counter != NULL)
        fprintf(out, " as $%s", r->counter);
    fputs(" {\n", out);
    for (size_t i = 0; i < r->event_count; i++) {
        script_print_event(&r->events[i], true, out);
        fputc('\n', out);
    }
    fputc('}', out);
}

void script_print_event(const struct script_event *e, bool with_time, FILE *out)
{
    if (with_time)
        print_time(e, out);
    if (e->peer != NULL)
        fprintf(out, "peer %s ", e->peer->name);
    switch (e->kind) {
    case SCRIPT_PACKET:
        print_packet(e->packet, out);
        break;
    case SCRIPT_CALL:
        print_call(e->call, out);
        break;
    case SCRIPT_COMMAND:
        fprintf(out, "`%s`", e->command);
        break;
    case SCRIPT_CODE:
        fprintf(out, "%%{ %s }%%", e->code);
        break;
    case SCRIPT_CHECK:
        print_check(e->check, out);
        break;
    case SCRIPT_FAULT:
        print_fault(e->fault, out);
        break;
    case SCRIPT_REPEAT:
        print_repeat(e->repeat, out);
        break;
    }
}

void script_print(const struct script *s, FILE *out)
{
    for (size_t i = 0; i < s->option_count; i++) {
        const struct script_option *o = &s->options[i];

        if (strcmp(o->name, "define") == 0)
            continue;
        fprintf(out, "--%s%s%s\n", o->name, o->value != NULL ? "=" : "",
                o->value != NULL ? o->value : "");
    }
    for (size_t i = 0; i < s->peer_count; i++) {
        fprintf(out, "peer %s %s", s->peers[i].name, s->peers[i].address);
        if (s->peers[i].port != 0)
            fprintf(out, " port %u", s->peers[i].port);
        fputc('\n', out);
    }
    if (s->init_command != NULL)
        fprintf(out, "`%s`\n", s->init_command);
    for (size_t i = 0; i < s->event_count; i++) {
        script_print_event(&s->events[i], true, out);
        fputc('\n', out);
    }
    if (s->cleanup_command != NULL)
        fprintf(out, "`%s`\n", s->cleanup_command);
}
