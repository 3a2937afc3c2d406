/* JSON for shims: reads one line into a bounded tree, in place, and writes lines. Needs nothing but C. */
#ifndef JSON_H
#define JSON_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_NODES = 8192, JSON_DEPTH = 32 };

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

/* A value; in an object it has a name. Texts end with a zero byte and hold none. */
struct json {
    enum json_kind kind;
    const char *name, *text;
    double number;
    struct json *first, *next;
};

struct json_reader {
    char *at;
    struct json nodes[JSON_NODES];
    int used, depth;
};

static bool json_value(struct json_reader *r, struct json *into);

static void json_space(struct json_reader *r) {
    r->at += strspn(r->at, " \t\r\n");
}

static bool json_token(struct json_reader *r, const char *token) {
    size_t length = strlen(token);
    if (strncmp(r->at, token, length)) return false;
    r->at += length;
    return true;
}

static bool json_code(struct json_reader *r, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = *r->at;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false;
        *code = *code << 4 | (unsigned)digit;
    }
    return true;
}

static char *json_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *out++ = (char)((0xF00 >> more & 0xFF) | code >> 6 * more);
    while (more--) *out++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    return out;
}

/* An escape behind its backslash; what it means is never longer than the escape. */
static bool json_escape(struct json_reader *r, char **out) {
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    char kind = *r->at;
    if (kind != 'u') {
        const char *found = kind ? strchr(names, kind) : NULL;
        if (!found) return false;
        r->at++;
        *(*out)++ = means[found - names];
        return true;
    }
    unsigned code, low;
    r->at++;
    if (!json_code(r, &code) || !code) return false;
    if (code >= 0xD800 && code < 0xDC00 && r->at[0] == '\\' && r->at[1] == 'u') {
        char *before = r->at;
        r->at += 2;
        if (!json_code(r, &low)) return false;
        if (low >= 0xDC00 && low < 0xE000) code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        else r->at = before;
    }
    *out = json_utf8(*out, code);
    return true;
}

static const char *json_text(struct json_reader *r) {
    if (*r->at != '"') return NULL;
    char *text = ++r->at, *out = text;
    while (*r->at != '"') {
        if ((unsigned char)*r->at < 0x20) return NULL; /* the end of the line, too */
        if (*r->at != '\\') {
            *out++ = *r->at++;
            continue;
        }
        r->at++;
        if (!json_escape(r, &out)) return NULL;
    }
    r->at++;
    *out = 0;
    return text;
}

/* The members of an object or the items of a list, behind their opening bracket. */
static bool json_inside(struct json_reader *r, struct json *into, char close) {
    struct json **last = &into->first;
    if (r->depth++ == JSON_DEPTH) return false;
    json_space(r);
    for (bool more = *r->at != close; more; more = *r->at == ',' && r->at++) {
        if (r->used == JSON_NODES) return false;
        struct json *item = &r->nodes[r->used++];
        memset(item, 0, sizeof *item);
        json_space(r);
        if (close == '}') {
            item->name = json_text(r);
            json_space(r);
            if (!item->name || *r->at++ != ':') return false;
        }
        if (!json_value(r, item)) return false;
        *last = item;
        last = &item->next;
        json_space(r);
    }
    r->depth--;
    return *r->at == close && r->at++;
}

static bool json_value(struct json_reader *r, struct json *into) {
    json_space(r);
    if (json_token(r, "null")) into->kind = JSON_NULL;
    else if (json_token(r, "false")) into->kind = JSON_FALSE;
    else if (json_token(r, "true")) into->kind = JSON_TRUE;
    else if (*r->at == '"') {
        into->kind = JSON_TEXT;
        into->text = json_text(r);
        return into->text != NULL;
    } else if (json_token(r, "{")) {
        into->kind = JSON_OBJECT;
        return json_inside(r, into, '}');
    } else if (json_token(r, "[")) {
        into->kind = JSON_LIST;
        return json_inside(r, into, ']');
    } else {
        size_t length = strspn(r->at, "+-.0123456789eE");
        char *end = r->at;
        if (!length) return false;
        into->kind = JSON_NUMBER;
        into->number = strtod(r->at, &end);
        if (end != r->at + length || !isfinite(into->number)) return false;
        r->at = end;
    }
    return true;
}

/* The object that a line is, NULL when it is none. The line is taken apart; the tree lasts until the next call. */
static struct json *json_read(char *line) {
    static struct json_reader reader;
    reader.at = line;
    reader.used = 1;
    reader.depth = 0;
    memset(reader.nodes, 0, sizeof reader.nodes[0]);
    bool whole = json_value(&reader, reader.nodes);
    json_space(&reader);
    return whole && !*reader.at && reader.nodes[0].kind == JSON_OBJECT ? reader.nodes : NULL;
}

/* A member; NULL when it is absent or null. */
static const struct json *json_get(const struct json *object, const char *name) {
    for (const struct json *item = object && object->kind == JSON_OBJECT ? object->first : NULL; item; item = item->next)
        if (!strcmp(item->name, name)) return item->kind == JSON_NULL ? NULL : item;
    return NULL;
}

static const char *json_text_of(const struct json *object, const char *name, const char *otherwise) {
    const struct json *found = json_get(object, name);
    return found && found->kind == JSON_TEXT ? found->text : otherwise;
}

static double json_number_of(const struct json *object, const char *name, double otherwise) {
    const struct json *found = json_get(object, name);
    if (found && (found->kind == JSON_TRUE || found->kind == JSON_FALSE)) return found->kind == JSON_TRUE;
    return found && found->kind == JSON_NUMBER ? found->number : otherwise;
}

/* A whole number that a C call can take. */
static int json_int_of(const struct json *object, const char *name, int otherwise) {
    double number = json_number_of(object, name, otherwise);
    return number >= -2147483648.0 && number <= 2147483647.0 ? (int)number : otherwise;
}

/* Bytes of a hexadecimal text, which the caller frees; NULL when it is none. */
static unsigned char *json_bytes(const char *hex, int *length) {
    size_t digits = strlen(hex);
    unsigned char *bytes = malloc(digits / 2 + 1);
    if (!bytes || digits % 2 || strspn(hex, "0123456789abcdefABCDEF") != digits) {
        free(bytes);
        return NULL;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    *length = (int)(digits / 2);
    return bytes;
}

/* A growing text. Memory that runs out ends the program. */
struct text {
    char *data;
    size_t used, room;
};

static void add_data(struct text *t, const char *data, size_t length) {
    if (t->used + length + 1 > t->room) {
        t->room = 2 * (t->used + length) + 256;
        t->data = realloc(t->data, t->room);
        if (!t->data) abort();
    }
    memcpy(t->data + t->used, data, length);
    t->used += length;
    t->data[t->used] = 0;
}

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...) {
    char piece[512];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(piece, sizeof piece, format, values);
    va_end(values);
    if (length > 0) add_data(t, piece, (size_t)length < sizeof piece ? (size_t)length : sizeof piece - 1);
}

/* Bytes of a well-formed UTF-8 character at s; 0 when there is none. */
static size_t utf8_length(const unsigned char *s, size_t left) {
    size_t length = *s < 0x80 ? 1 : *s >= 0xC2 && *s < 0xE0 ? 2 : *s >= 0xE0 && *s < 0xF0 ? 3 : *s >= 0xF0 && *s < 0xF5 ? 4 : 0;
    if (!length || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((*s == 0xE0 && s[1] < 0xA0) || (*s == 0xED && s[1] > 0x9F) || (*s == 0xF0 && s[1] < 0x90) || (*s == 0xF4 && s[1] > 0x8F))
        return 0;
    return length;
}

/* A text in quotes. What is no UTF-8 becomes U+FFFD, so that the line stays readable. */
static void add_quoted(struct text *t, const char *text, size_t length) {
    const unsigned char *s = (const unsigned char *)text;
    add_data(t, "\"", 1);
    for (size_t i = 0, n; i < length; i += n ? n : 1) {
        n = utf8_length(s + i, length - i);
        if (!n) add_data(t, "\\ufffd", 6);
        else if (s[i] < 0x20 || s[i] == 0x7F) add(t, "\\u%04x", s[i]);
        else if (s[i] == '"' || s[i] == '\\') add(t, "\\%c", s[i]);
        else add_data(t, text + i, n);
    }
    add_data(t, "\"", 1);
}

static void add_hex(struct text *t, const void *data, size_t length) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    add_data(t, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        char two[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        add_data(t, two, 2);
    }
    add_data(t, "\"", 1);
}

#endif
