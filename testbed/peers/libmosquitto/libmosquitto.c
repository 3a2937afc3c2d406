/* libmosquitto as a shim (docs/shims.md). One thread does everything: it waits for orders and for the network, as the
 * library lets programs with a loop of their own do. */
#include "../c-shim/shim.h"
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/socket.h>

static struct mosquitto *client;
static bool v5;
/* What the client was made for; for anything else another one is made. */
static char made_for[70000];

/* Properties, which have the same names here with hyphens. */

static int put(mosquitto_property **all, const struct json *value, int identifier, int type) {
    int length = 0, done = MOSQ_ERR_INVAL;
    unsigned char *bytes;
    switch (type) {
    case MQTT_PROP_TYPE_BYTE:
        return value->kind == JSON_NUMBER ? mosquitto_property_add_byte(all, identifier, (uint8_t)value->number) : done;
    case MQTT_PROP_TYPE_INT16:
        return value->kind == JSON_NUMBER ? mosquitto_property_add_int16(all, identifier, (uint16_t)value->number) : done;
    case MQTT_PROP_TYPE_INT32:
        return value->kind == JSON_NUMBER ? mosquitto_property_add_int32(all, identifier, (uint32_t)value->number) : done;
    case MQTT_PROP_TYPE_VARINT:
        return value->kind == JSON_NUMBER ? mosquitto_property_add_varint(all, identifier, (uint32_t)value->number) : done;
    case MQTT_PROP_TYPE_STRING:
        return value->kind == JSON_TEXT ? mosquitto_property_add_string(all, identifier, value->text) : done;
    case MQTT_PROP_TYPE_BINARY:
        bytes = value->kind == JSON_TEXT ? json_bytes(value->text, &length) : NULL;
        if (bytes && length <= 65535) done = mosquitto_property_add_binary(all, identifier, bytes, (uint16_t)length);
        free(bytes);
        return done;
    case MQTT_PROP_TYPE_STRING_PAIR:
        done = MOSQ_ERR_SUCCESS;
        for (const struct json *pair = value->first; pair && !done; pair = pair->next) {
            const struct json *name = pair->first, *second = name ? name->next : NULL;
            if (!second || name->kind != JSON_TEXT || second->kind != JSON_TEXT) return MOSQ_ERR_INVAL;
            done = mosquitto_property_add_string_pair(all, identifier, name->text, second->text);
        }
        return done;
    }
    return done;
}

/* The properties of an order, for the caller to free; false when one is none. */
static bool packed(const struct json *order, mosquitto_property **all) {
    const struct json *given = json_get(order, "properties");
    *all = NULL;
    for (const struct json *each = v5 && given ? given->first : NULL; each; each = each->next) {
        char name[64];
        int identifier, type;
        snprintf(name, sizeof name, "%s", each->name);
        for (char *c = name; *c; c++)
            if (*c == '_') *c = '-';
        if (mosquitto_string_to_property_info(name, &identifier, &type) || put(all, each, identifier, type)) {
            mosquitto_property_free_all(all);
            return false;
        }
    }
    return true;
}

static void told_value(struct text *told, const mosquitto_property *p, int identifier, int type) {
    uint8_t byte = 0;
    uint16_t two = 0, size = 0;
    uint32_t four = 0;
    char *name = NULL, *text = NULL;
    void *data = NULL;
    switch (type) {
    case MQTT_PROP_TYPE_BYTE: mosquitto_property_read_byte(p, identifier, &byte, false); add(told, "%d", byte); break;
    case MQTT_PROP_TYPE_INT16: mosquitto_property_read_int16(p, identifier, &two, false); add(told, "%d", two); break;
    case MQTT_PROP_TYPE_INT32: mosquitto_property_read_int32(p, identifier, &four, false); add(told, "%lu", (unsigned long)four); break;
    case MQTT_PROP_TYPE_VARINT: mosquitto_property_read_varint(p, identifier, &four, false); add(told, "%lu", (unsigned long)four); break;
    case MQTT_PROP_TYPE_BINARY: mosquitto_property_read_binary(p, identifier, &data, &size, false); add_hex(told, data, size); break;
    case MQTT_PROP_TYPE_STRING:
        mosquitto_property_read_string(p, identifier, &text, false);
        add_quoted(told, text ? text : "", text ? strlen(text) : 0);
        break;
    case MQTT_PROP_TYPE_STRING_PAIR:
        mosquitto_property_read_string_pair(p, identifier, &name, &text, false);
        add(told, "[");
        add_quoted(told, name ? name : "", name ? strlen(name) : 0);
        add(told, ",");
        add_quoted(told, text ? text : "", text ? strlen(text) : 0);
        add(told, "]");
        break;
    default: add(told, "null");
    }
    free(name);
    free(text);
    free(data);
}

/* What may come more than once is a list. */
static struct text told(const mosquitto_property *all) {
    struct text told = {0};
    for (const mosquitto_property *p = all; p; p = mosquitto_property_next(p)) {
        int identifier = mosquitto_property_identifier(p), again, type;
        const mosquitto_property *before = all;
        while (before != p && mosquitto_property_identifier(before) != identifier) before = mosquitto_property_next(before);
        const char *title = mosquitto_property_identifier_to_string(identifier);
        if (before != p || !title || mosquitto_string_to_property_info(title, &again, &type)) continue;
        char name[64];
        snprintf(name, sizeof name, "%s", title);
        for (char *c = name; *c; c++)
            if (*c == '-') *c = '_';
        bool list = type == MQTT_PROP_TYPE_STRING_PAIR || type == MQTT_PROP_TYPE_VARINT;
        add_property(&told, name);
        add(&told, list ? "[" : "");
        for (const mosquitto_property *q = p; q; q = list ? mosquitto_property_next(q) : NULL) {
            if (mosquitto_property_identifier(q) != identifier) continue;
            if (q != p) add(&told, ",");
            told_value(&told, q, identifier, type);
        }
        add(&told, list ? "]" : "");
    }
    end_properties(&told);
    return told;
}

/* What the library calls back. Its numbers below 0x80 for the end of a connection are its own errors. */

static void came(enum kind kind, int packet, int count, const int *codes, int present, const mosquitto_property *all, const char *error) {
    struct expected *place = place_of(kind, packet);
    if (!place) return;
    struct answer a = {.present = present, .properties = told(all), .error = error};
    for (int i = 0; i < count && i < MOST_CODES; i++) a.codes[a.count++] = codes[i];
    answer(place, &a);
    free(a.properties.data);
}

static void on_connect(struct mosquitto *m, void *data, int code, int flags, const mosquitto_property *all) {
    (void)m, (void)data;
    const char *words = v5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code);
    came(CONNECT, -1, 1, &code, flags & 1, all, code ? words : NULL);
}

static void on_disconnect(struct mosquitto *m, void *data, int code, const mosquitto_property *all) {
    (void)m, (void)data, (void)all;
    bool packet = v5 && (code >= 0x80 || code == 0);
    const char *words = packet ? mosquitto_reason_string(code) : mosquitto_strerror(code);
    came(DISCONNECT, -1, 0, NULL, -1, NULL, NULL);
    came(CONNECT, -1, 0, NULL, -1, NULL, words);
    lost(packet ? code : -1, words);
}

static void on_subscribe(struct mosquitto *m, void *data, int packet, int count, const int *codes, const mosquitto_property *all) {
    (void)m, (void)data;
    came(SUBSCRIBE, packet, count, codes, -1, all, NULL);
}

static void on_unsubscribe(struct mosquitto *m, void *data, int packet, const mosquitto_property *all) {
    (void)m, (void)data;
    came(UNSUBSCRIBE, packet, 0, NULL, -1, all, NULL);
}

static void on_publish(struct mosquitto *m, void *data, int packet, int code, const mosquitto_property *all) {
    (void)m, (void)data;
    struct expected *place = place_of(PUBLISH, packet);
    came(PUBLISH, packet, v5 && place && place->count, &code, -1, all, NULL);
}

static void on_message(struct mosquitto *m, void *data, const struct mosquitto_message *x, const mosquitto_property *all) {
    (void)m, (void)data;
    message(x->topic, strlen(x->topic), x->payload, x->payloadlen, x->qos, x->retain, -1, told(all));
}

/* Orders. */

/* The library gives a connection up without DISCONNECT only with its client, or when the network fails. */
static void drop(void) {
    stage = SILENT;
    fail_all("the connection was dropped by a later order");
    int socket = client ? mosquitto_socket(client) : -1;
    if (socket < 0) return;
    shutdown(socket, SHUT_RDWR);
    for (int i = 0; i < 100 && mosquitto_socket(client) >= 0; i++) mosquitto_loop_read(client, 1);
}

static void make(const struct json *order) {
    if (client) mosquitto_destroy(client);
    const char *id = json_text_of(order, "client_id", "");
    client = mosquitto_new(*id ? id : NULL, *id ? json_int_of(order, "clean", 1) : true, NULL);
    if (!client) return;
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(client, on_unsubscribe);
    mosquitto_publish_v5_callback_set(client, on_publish);
    mosquitto_message_v5_callback_set(client, on_message);
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
}

/* What may differ from one CONNECT of a client to the next. */
static int prepare(const struct json *order) {
    const struct json *will = json_get(order, "will"), *tls = json_get(order, "tls");
    int done = mosquitto_username_pw_set(client, json_text_of(order, "username", NULL), json_text_of(order, "password", NULL));
    if (!done) mosquitto_will_clear(client);
    if (!done && will) {
        mosquitto_property *all;
        int length = 0;
        unsigned char *payload = json_bytes(json_text_of(will, "payload", ""), &length);
        if (!payload || !packed(will, &all)) done = MOSQ_ERR_INVAL;
        else {
            done = mosquitto_will_set_v5(client, json_text_of(will, "topic", ""), length, payload, json_int_of(will, "qos", 0),
                                         json_int_of(will, "retain", 0), all);
            if (done) mosquitto_property_free_all(&all); /* else they are the library's */
        }
        free(payload);
    }
    if (!done && tls)
        done = mosquitto_tls_set(client, json_text_of(tls, "authority", NULL), NULL, json_text_of(tls, "certificate", NULL),
                                 json_text_of(tls, "key", NULL), NULL);
    return done;
}

static void connect_order(const struct json *order, long id) {
    const char *edition = json_text_of(order, "edition", ""), *transport = json_text_of(order, "transport", "tcp");
    bool unix_socket = !strcmp(transport, "unix");
    drop();
    if (strcmp(edition, "mqtt-3.1.1") && strcmp(edition, "mqtt-5.0")) return refuse(id, "no such edition");
    if (strcmp(transport, "tcp") && strcmp(transport, "tls") && !unix_socket) return refuse(id, "no such transport");
    v5 = !strcmp(edition, "mqtt-5.0");
    /* Clean or not is a matter of the client, and so is its trust. */
    const struct json *tls = json_get(order, "tls");
    struct text wanted = {0};
    add(&wanted, "%s %d %s ", edition, json_int_of(order, "clean", 1), transport);
    for (const struct json *each = tls ? tls->first : NULL; each; each = each->next)
        add(&wanted, "%s=%s ", each->name, each->text ? each->text : "");
    add_data(&wanted, "", 0);
    const char *name = json_text_of(order, "client_id", "");
    add_data(&wanted, name, strlen(name));
    if (!client || !*name || strcmp(wanted.data, made_for)) make(order);
    snprintf(made_for, sizeof made_for, "%s", wanted.data);
    free(wanted.data);

    mosquitto_property *all = NULL;
    struct expected *place = expect(id, CONNECT, 1, json_number_of(order, "timeout", 10));
    if (!place) return;
    stage = OPENING;
    long serial = place->serial;
    int done = client ? prepare(order) : MOSQ_ERR_INVAL;
    if (!done && !packed(order, &all)) done = MOSQ_ERR_INVAL;
    if (!done) {
        /* The name to ask for in TLS is that of the host, so another one must lead to the same host. */
        const char *host = json_text_of(order, "host", ""), *named = json_text_of(tls, "server_name", "");
        const char *path = json_text_of(order, "path", "");
        done = mosquitto_connect_bind_v5(client, unix_socket ? path : *named ? named : host,
                                         unix_socket ? 0 : json_int_of(order, "port", 0), json_int_of(order, "keep_alive", 60), NULL, all);
    }
    mosquitto_property_free_all(&all);
    place = place_of_serial(serial);
    if (done && place) fail(place, done == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(done));
}

/* Every filter of a SUBSCRIBE has the same QoS and options in this library. */
static bool alike(const struct json *filters) {
    static const char *const names[] = {"qos", "no_local", "retain_as_published", "retain_handling"};
    for (const struct json *each = filters->first; each; each = each->next)
        for (int i = 0; i < 4; i++)
            if (json_int_of(each, names[i], 0) != json_int_of(filters->first, names[i], 0)) return false;
    return true;
}

static void filters_order(const struct json *order, long id, enum kind kind) {
    const struct json *filters = json_get(order, "filters");
    char *names[MOST_CODES];
    int count = 0;
    for (const struct json *each = filters ? filters->first : NULL; each && count < MOST_CODES; each = each->next) {
        const char *name = kind == SUBSCRIBE ? json_text_of(each, "filter", NULL) : each->text;
        if (!name) return refuse(id, "a filter is no text");
        names[count++] = (char *)name;
    }
    if (!count) return refuse(id, "no filters");
    if (kind == SUBSCRIBE && !alike(filters)) return refuse(id, "this library subscribes with one QoS and one set of options at a time");
    mosquitto_property *all;
    if (!packed(order, &all)) return refuse(id, "the library takes no such property");
    struct expected *place = expect(id, kind, count, PATIENCE);
    if (place) {
        const struct json *first = filters->first;
        int options = json_int_of(first, "no_local", 0) * MQTT_SUB_OPT_NO_LOCAL
            | json_int_of(first, "retain_as_published", 0) * MQTT_SUB_OPT_RETAIN_AS_PUBLISHED | json_int_of(first, "retain_handling", 0) << 4;
        long serial = place->serial;
        int done = kind == SUBSCRIBE
            ? mosquitto_subscribe_multiple(client, &place->packet, count, names, json_int_of(first, "qos", 0), v5 ? options : 0, all)
            : mosquitto_unsubscribe_multiple(client, &place->packet, count, names, all);
        place = place_of_serial(serial);
        if (done && place) fail(place, mosquitto_strerror(done));
    }
    mosquitto_property_free_all(&all);
}

static void publish_order(const struct json *order, long id) {
    mosquitto_property *all;
    int length = 0, qos = json_int_of(order, "qos", 0);
    unsigned char *payload = json_bytes(json_text_of(order, "payload", ""), &length);
    const char *topic = json_text_of(order, "topic", NULL);
    if (!payload || !topic) refuse(id, topic ? "the payload is not hexadecimal" : "no topic");
    else if (!packed(order, &all)) refuse(id, "the library takes no such property");
    else {
        struct expected *place = expect(id, PUBLISH, qos > 0, PATIENCE);
        if (place) {
            long serial = place->serial;
            /* The packet's number is there before the callback, which may come before the call is over. */
            int done = mosquitto_publish_v5(client, &place->packet, *topic ? topic : NULL, length, payload, qos, json_int_of(order, "retain", 0), all);
            place = place_of_serial(serial);
            if (done && place) fail(place, mosquitto_strerror(done));
        }
        mosquitto_property_free_all(&all);
    }
    free(payload);
}

static void disconnect_order(const struct json *order, long id) {
    mosquitto_property *all;
    if (!packed(order, &all)) return refuse(id, "the library takes no such property");
    stage = OVER;
    fail_all("the connection was ended by an order");
    struct expected *place = expect(id, DISCONNECT, 0, PATIENCE);
    if (place) {
        long serial = place->serial;
        int done = mosquitto_disconnect_v5(client, json_int_of(order, "code", 0), all);
        place = place_of_serial(serial);
        if (done && place) fail(place, mosquitto_strerror(done));
    }
    mosquitto_property_free_all(&all);
}

static void take(const struct json *order, long id, const char *op) {
    if (!strcmp(op, "connect")) connect_order(order, id);
    else if (!strcmp(op, "reset")) {
        drop();
        if (client) mosquitto_destroy(client);
        client = NULL;
        struct answer done = {.present = -1};
        say_reply(id, true, &done);
    } else if (strcmp(op, "subscribe") && strcmp(op, "unsubscribe") && strcmp(op, "publish") && strcmp(op, "disconnect"))
        refuse(id, "no such order");
    else if (stage != OPEN) refuse(id, "not connected");
    else if (!strcmp(op, "publish")) publish_order(order, id);
    else if (!strcmp(op, "disconnect")) disconnect_order(order, id);
    else filters_order(order, id, *op == 's' ? SUBSCRIBE : UNSUBSCRIBE);
}

int main(void) {
    int major, minor, revision;
    char version[40];
    mosquitto_lib_init();
    mosquitto_lib_version(&major, &minor, &revision);
    snprintf(version, sizeof version, "%d.%d.%d", major, minor, revision);
    begin("libmosquitto", version,
          /* Not "codes": those of UNSUBACK it does not tell. */
          "\"qos-1\",\"qos-2\",\"session\",\"in-flight\",\"will\",\"credentials\",\"properties\",\"subscription-options\","
          "\"tls\",\"mutual-tls\",\"unix\"");
    for (;;) {
        int socket = client ? mosquitto_socket(client) : -1;
        struct pollfd ends[2] = {{0, POLLIN, 0}, {socket, POLLIN, 0}};
        if (socket >= 0 && mosquitto_want_write(client)) ends[1].events |= POLLOUT;
        poll(ends, socket < 0 ? 1 : 2, expire(200));
        if (socket >= 0 && (ends[1].revents & (POLLIN | POLLHUP | POLLERR))) mosquitto_loop_read(client, 1);
        if (socket >= 0 && (ends[1].revents & POLLOUT)) mosquitto_loop_write(client, 1);
        if (client) mosquitto_loop_misc(client);
        if (stage == OVER && client && mosquitto_socket(client) >= 0 && !place_of(DISCONNECT, -1)) drop();
        if (ends[0].revents && !read_orders(take)) return 0;
    }
}
