/*
 * lexer.h - bytes of a script to tokens.
 *
 * A lexer is a position in the text and can be copied: a copy that runs ahead is all the lookahead
 * the parser needs. The longest match wins. Words are not sorted into keywords here, the parser
 * compares their text; but the words of the language are never replaced by a symbol of --define.
 *
 * Two rules need care. A number takes the sign in front of it (`-1`), so `$win-10` is a name and a
 * number; the parser tells by the absence of blanks (`is_glued`) that they belong together. And an
 * IPv6 address is tried only where `::` or seven colons are near, or every `1:1001(1000)` would be one.
 */
#ifndef STACKDRILL_LEXER_H
#define STACKDRILL_LEXER_H

#include "arena.h"
#include "script.h"

enum token_kind {
    TOKEN_END,
    TOKEN_ERROR,   /* text is the message `what: how to mend it` */
    TOKEN_INT,     /* number */
    TOKEN_FLOAT,   /* only the text */
    TOKEN_HEX,     /* number */
    TOKEN_STRING,  /* text, text_len: escapes resolved */
    TOKEN_COMMAND, /* text between the backticks */
    TOKEN_CODE,    /* text between %{ and }%, blanks stripped; text_line */
    TOKEN_WORD,
    TOKEN_IPV4,
    TOKEN_IPV6,
    TOKEN_ELLIPSIS,
    TOKEN_NAME, /* $name, text without the $ */
    TOKEN_CHAR  /* number is the character */
};

struct token {
    enum token_kind kind;
    int64_t number;
    const char *text;
    size_t text_len;
    unsigned line, column;
    unsigned text_line; /* CODE: where its text begins */
    size_t start, end;  /* offsets in the source */
    bool is_glued;      /* no blank or comment before it */
};

struct lexer_define {
    const char *name, *value;
    struct lexer_define *next;
};

struct lexer {
    const char *text;
    size_t len, pos;
    unsigned line, column;
    struct arena *arena;
    const struct lexer_define *defines; /* the first that fits wins */
};

void lexer_init(struct lexer *l, struct arena *arena, const char *text, size_t len);
/** lexer_next - the next token. At the end: TOKEN_END, again and again. */
struct token lexer_next(struct lexer *l);
/** lexer_option - read `--name` or `--name=value` if one begins here (after blanks).
 * Return: true and the text without the two dashes in *@t; TOKEN_ERROR in *@t for a bad one. */
bool lexer_option(struct lexer *l, struct token *t);
/** lexer_note - the raw text up to the parenthesis that closes the one just read.
 * Return: TOKEN_STRING or TOKEN_ERROR. */
struct token lexer_note(struct lexer *l);

#endif
