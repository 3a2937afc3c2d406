/* The half of a shim that is the same for every C library: orders in, replies and events out (docs/shims.md).
 *
 * A shim's own half takes orders in take() and gives each a place with expect(); whoever brings the answer finds the
 * place again by its serial number or by the packet identifier, and calls answer(). Places that nobody answers are
 * answered when their time is over or their connection ends. All of it may be called from any thread. */
#ifndef SHIM_H
#define SHIM_H

#include "json.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LINE = 1 << 20, MOST_EXPECTED = 4096, MOST_CODES = 1024 };
/* Seconds that an order other than connect may take. */
static const double PATIENCE = 5;

enum kind { CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, DISCONNECT };

/* An order whose answer has not come. `packet` is the library's number for it, `count` how many codes it may bring. */
struct expected {
    bool used;
    long id;
    long serial;
    enum kind kind;
    int packet, count;
    double deadline;
};

/* What an answer brings. `present` below 0: not told. */
struct answer {
    int codes[MOST_CODES];
    int count, present;
    struct text properties;
    const char *error;
};

/* OVER: it ended, or we ended it with DISCONNECT. SILENT: dropped, and nothing of it is told any more. */
static enum stage { SILENT, OPENING, OPEN, OVER } stage;
static pthread_mutex_t shim_lock;
static struct expected expected[MOST_EXPECTED];
static long serials;
static int out;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void lock(void) { pthread_mutex_lock(&shim_lock); }
static void unlock(void) { pthread_mutex_unlock(&shim_lock); }

/* Writes a line and frees it. */
static void say(struct text *line) {
    add_data(line, "\n", 1);
    lock();
    for (size_t done = 0; done < line->used;) {
        ssize_t n = write(out, line->data + done, line->used - done);
        if (n < 0 && errno != EINTR) _exit(1);
        if (n > 0) done += (size_t)n;
    }
    unlock();
    free(line->data);
}

static void say_reply(long id, bool ok, const struct answer *a) {
    struct text line = {0};
    add(&line, "{\"id\":%ld,\"ok\":%s", id, ok ? "true" : "false");
    for (int i = 0; a && i < a->count; i++) add(&line, "%s%d", i ? "," : ",\"codes\":[", a->codes[i]);
    if (a && a->count) add(&line, "]");
    if (a && a->present >= 0) add(&line, ",\"session_present\":%s", a->present ? "true" : "false");
    if (a && a->properties.used) add_data(&line, a->properties.data, a->properties.used);
    if (a && a->error) {
        add(&line, ",\"error\":");
        add_quoted(&line, a->error, strlen(a->error));
    }
    add(&line, "}");
    say(&line);
}

static void refuse(long id, const char *error) {
    struct answer a = {.present = -1, .error = error};
    say_reply(id, false, &a);
}

/* A place for the answer to an order; NULL, and the order refused, when there are too many. */
static struct expected *expect(long id, enum kind kind, int count, double seconds) {
    lock();
    struct expected *place = expected;
    while (place < expected + MOST_EXPECTED && place->used) place++;
    if (place == expected + MOST_EXPECTED) place = NULL;
    else *place = (struct expected){true, id, ++serials, kind, -1, count, now() + seconds};
    unlock();
    if (!place) refuse(id, "too many orders are under way");
    return place;
}

/* Answers and gives back the place. A code of 0x80 and above is a refusal, of CONNACK any but 0. */
static void answer(struct expected *place, const struct answer *a) {
    bool ok = !a->error;
    for (int i = 0; i < a->count; i++) ok = ok && a->codes[i] < 0x80 && (place->kind != CONNECT || !a->codes[i]);
    place->used = false;
    if (place->kind == CONNECT && stage == OPENING) stage = ok ? OPEN : OVER;
    say_reply(place->id, ok, a);
}

static void fail(struct expected *place, const char *error) {
    struct answer a = {.present = -1, .error = error};
    answer(place, &a);
}

/* The place of an answer, by what the library knows of it; NULL when nobody waits any more. Call it with lock() held. */
static struct expected *place_of(enum kind kind, int packet) {
    for (struct expected *place = expected; place < expected + MOST_EXPECTED; place++)
        if (place->used && place->kind == kind && (packet < 0 || place->packet == packet)) return place;
    return NULL;
}

__attribute__((unused)) static struct expected *place_of_serial(long serial) {
    for (struct expected *place = expected; place < expected + MOST_EXPECTED; place++)
        if (place->used && place->serial == serial) return place;
    return NULL;
}

static void fail_all(const char *error) {
    lock();
    for (struct expected *place = expected; place < expected + MOST_EXPECTED; place++)
        if (place->used) fail(place, error);
    unlock();
}

/* Tells once that an established connection ended without our order; `code` below 0: not told. */
static void lost(int code, const char *error) {
    lock();
    if (stage == OPEN) {
        struct text line = {0};
        add(&line, "{\"event\":\"lost\"");
        if (code >= 0) add(&line, ",\"code\":%d", code);
        add(&line, ",\"error\":");
        add_quoted(&line, error, strlen(error));
        add(&line, "}");
        stage = OVER;
        say(&line);
        fail_all("the connection was lost");
    }
    unlock();
}

/* Tells a message; `dup` below 0: not told. Properties are freed. */
static void message(const char *topic, size_t length, const void *payload, int size, int qos, bool retain, int dup, struct text properties) {
    struct text line = {0};
    add(&line, "{\"event\":\"message\",\"topic\":");
    add_quoted(&line, topic, length);
    add(&line, ",\"payload\":");
    add_hex(&line, payload, size > 0 ? (size_t)size : 0);
    add(&line, ",\"qos\":%d,\"retain\":%s", qos, retain ? "true" : "false");
    if (dup >= 0) add(&line, ",\"dup\":%s", dup ? "true" : "false");
    if (properties.used) add_data(&line, properties.data, properties.used);
    add(&line, "}");
    free(properties.data);
    lock();
    if (stage != SILENT) say(&line);
    else free(line.data);
    unlock();
}

/* Properties grow as `,"properties":{...}`: this begins the next member. */
static void add_property(struct text *properties, const char *name) {
    add(properties, "%s\"%s\":", properties->used ? "," : ",\"properties\":{", name);
}

static void end_properties(struct text *properties) {
    if (properties->used) add(properties, "}");
}

/* Says the first line, unless `library` is NULL. Standard output is ours alone: what a library prints goes to standard
 * error. */
static void begin(const char *library, const char *version, const char *features) {
    pthread_mutexattr_t again;
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&shim_lock, &again);
    signal(SIGPIPE, SIG_IGN);
    out = dup(1);
    dup2(2, 1);
    if (!library) return;
    struct text line = {0};
    add(&line, "{\"event\":\"ready\",\"protocol\":\"iot-testbed-shim/1\",\"library\":\"%s\",\"version\":\"%s\"", library, version);
    add(&line, ",\"editions\":[\"mqtt-3.1.1\",\"mqtt-5.0\"],\"features\":[%s]}", features);
    say(&line);
}

/* Answers what has waited too long; milliseconds until the next one is due, at most `most`. */
static int expire(int most) {
    lock();
    for (struct expected *place = expected; place < expected + MOST_EXPECTED; place++) {
        double left = place->used ? place->deadline - now() : 3600;
        if (left <= 0) fail(place, "no answer in time");
        else if (left * 1000 < most) most = (int)(left * 1000) + 1;
    }
    unlock();
    return most;
}

/* Bytes of a line that has not come whole. */
static size_t begun;

__attribute__((unused)) static bool no_line_is_begun(void) { return !begun; }

/* Reads what there is and takes each whole line as an order; false at the end of the input. */
static bool read_orders(void (*take)(const struct json *order, long id, const char *op)) {
    static char buffer[LONGEST_LINE + 2];
    ssize_t n = read(0, buffer + begun, sizeof buffer - 1 - begun);
    if (n <= 0) return n < 0 && errno == EINTR;
    begun += (size_t)n;
    char *line = buffer, *end;
    while ((end = memchr(line, '\n', begun - (size_t)(line - buffer)))) {
        *end = 0;
        const struct json *order = memchr(line, 0, (size_t)(end - line)) ? NULL : json_read(line);
        if (order) take(order, json_int_of(order, "id", 0), json_text_of(order, "op", ""));
        else if (end > line) refuse(0, "is no JSON object");
        line = end + 1;
    }
    begun -= (size_t)(line - buffer);
    memmove(buffer, line, begun);
    if (begun < sizeof buffer - 1) return true;
    fprintf(stderr, "an order is longer than %d bytes\n", LONGEST_LINE);
    return false;
}

#endif
