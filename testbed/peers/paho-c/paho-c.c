/* Eclipse Paho's asynchronous library for C as a shim (docs/shims.md). Its threads call back, with the serial number of
 * the order or of the connection as context. No lock of ours is held while we call it. */
#include "../c-shim/shim.h"
#include "properties.h"
#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <sys/socket.h>

/* Client objects by edition and client id: such an object is its session. */
struct kept {
    MQTTAsync handle;
    char *name;
    struct kept *next;
};

static struct kept *clients;
static MQTTAsync client;
static bool v5;
static int port;
/* The connection that callbacks must name, and whether the library has let go of it. */
static long connection;
static volatile bool settled = true;

/* Answers. */

static void bring(void *context, const int *codes, int count, int present, MQTTProperties *all, const char *error) {
    lock();
    struct expected *place = place_of_serial((long)(intptr_t)context);
    if (place && (place->kind == DISCONNECT || (place->kind == CONNECT && error))) settled = true;
    if (place) {
        struct answer a = {.present = present, .properties = told(all), .error = error};
        for (int i = 0; i < count && i < MOST_CODES; i++) a.codes[a.count++] = codes[i];
        answer(place, &a);
        free(a.properties.data);
    }
    unlock();
}

static const char *words(int code, const char *message) {
    const char *known = message ? message : MQTTAsync_strerror(code);
    return known ? known : "failed";
}

static void connected(void *context, MQTTAsync_successData *data) {
    int code = 0;
    bring(context, &code, 1, data->alt.connect.sessionPresent, NULL, NULL);
}

static void connected5(void *context, MQTTAsync_successData5 *data) {
    int code = data->reasonCode;
    bring(context, &code, 1, data->alt.connect.sessionPresent, &data->properties, NULL);
}

/* Return codes of a CONNACK and 0x80 of a SUBACK are told as they came; below 0 are numbers of the library's own. */
static void failed(void *context, MQTTAsync_failureData *data) {
    int code = data ? data->code : 0;
    bring(context, &code, code > 0, -1, NULL, words(code, data ? data->message : NULL));
}

static void failed5(void *context, MQTTAsync_failureData5 *data) {
    /* The code of a CONNACK comes as if it were the library's. */
    int code = data->reasonCode > 0 ? (int)data->reasonCode : data->code;
    const char *error = code > 0 ? MQTTReasonCode_toString((enum MQTTReasonCodes)code) : NULL;
    bring(context, &code, code > 0, -1, &data->properties, error ? error : words(data->code, data->message));
}

static void subscribed(void *context, MQTTAsync_successData *data) {
    lock();
    struct expected *place = place_of_serial((long)(intptr_t)context);
    int count = place ? place->count : 0;
    if (count > 1) bring(context, data->alt.qosList, count, -1, NULL, NULL);
    else bring(context, &data->alt.qos, 1, -1, NULL, NULL);
    unlock();
}

/* SUBACK and UNSUBACK: several codes are a list, one is not. */
static void acknowledged5(void *context, MQTTAsync_successData5 *data) {
    int codes[MOST_CODES] = {data->reasonCode}, count = data->alt.sub.reasonCodeCount;
    for (int i = 0; count > 1 && i < count && i < MOST_CODES; i++) codes[i] = data->alt.sub.reasonCodes[i];
    bring(context, codes, count > 1 ? count : 1, -1, &data->properties, NULL);
}

static void done(void *context, MQTTAsync_successData *data) {
    (void)data;
    bring(context, NULL, 0, -1, NULL, NULL);
}

static void published5(void *context, MQTTAsync_successData5 *data) {
    int code = data->reasonCode;
    bring(context, &code, data->alt.pub.message.qos > 0, -1, &data->properties, NULL);
}

static void done5(void *context, MQTTAsync_successData5 *data) {
    (void)data;
    bring(context, NULL, 0, -1, NULL, NULL);
}

/* Events. */

static void ended(void *context, int code, const char *error) {
    lock();
    if ((long)(intptr_t)context == connection) {
        settled = true;
        lost(code, error);
    }
    unlock();
}

static void on_lost(void *context, char *cause) { ended(context, -1, cause ? cause : "the network connection ended"); }

static void on_disconnect(void *context, MQTTProperties *all, enum MQTTReasonCodes code) {
    (void)all;
    const char *error = MQTTReasonCode_toString(code);
    lock();
    if ((long)(intptr_t)context == connection) lost((int)code, error ? error : "DISCONNECT");
    unlock();
}

static int on_message(void *context, char *topic, int length, MQTTAsync_message *m) {
    if ((long)(intptr_t)context == connection)
        message(topic, length > 0 ? (size_t)length : strlen(topic), m->payload, m->payloadlen, m->qos, m->retained, m->dup,
                told(v5 ? &m->properties : NULL));
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

/* Orders. */

/* The library has no call that ends a connection without DISCONNECT, so its socket is found, and shut down. */
static void drop(void) {
    lock();
    stage = SILENT;
    unlock();
    fail_all("the connection was dropped by a later order");
    for (int fd = 3; fd < 1024 && !settled; fd++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size)) continue;
        int there = peer.ss_family == AF_INET ? ((struct sockaddr_in *)&peer)->sin_port
            : peer.ss_family == AF_INET6      ? ((struct sockaddr_in6 *)&peer)->sin6_port
                                              : 0;
        if (ntohs((uint16_t)there) == port) shutdown(fd, SHUT_RDWR);
    }
}

/* The client of this edition and id; none is kept for a client without an id. */
static MQTTAsync client_of(const struct json *order, const char *uri) {
    const char *id = json_text_of(order, "client_id", "");
    size_t size = strlen(id) + 16;
    struct kept *one = clients;
    char *name = malloc(size);
    if (!name) abort();
    snprintf(name, size, "%s %s", v5 ? "5" : "3", id);
    while (one && (!*id || strcmp(one->name, name))) one = one->next;
    if (one) {
        free(name);
        return one->handle;
    }
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    one = malloc(sizeof *one);
    if (!one) abort();
    if (MQTTAsync_createWithOptions(&one->handle, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options)) {
        free(one);
        free(name);
        return NULL;
    }
    one->name = name;
    one->next = clients;
    clients = one;
    return one->handle;
}

/* The name to ask for in TLS is that of the host, so another one must lead to the same host. */
static bool address(const struct json *order, char *uri, size_t size) {
    static const char *const ways[][2] = {{"tcp", "tcp"}, {"tls", "ssl"}, {"ws", "ws"}, {"wss", "wss"}};
    const char *transport = json_text_of(order, "transport", "tcp"), *host = json_text_of(order, "host", "");
    const char *named = json_text_of(json_get(order, "tls"), "server_name", ""), *path = json_text_of(order, "path", "");
    const char *end = *named ? named : host;
    for (int i = 0; i < 4; i++)
        if (!strcmp(transport, ways[i][0]))
            return snprintf(uri, size, strchr(end, ':') ? "%s://[%s]:%d%s" : "%s://%s:%d%s", ways[i][1], end,
                            json_int_of(order, "port", 0), strchr(transport, 'w') ? path : "") < (int)size;
    return false;
}

static void connect_order(const struct json *order, long id) {
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer, options5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions secure = MQTTAsync_SSLOptions_initializer;
    MQTTProperties all = MQTTProperties_initializer, will_all = MQTTProperties_initializer;
    const struct json *last = json_get(order, "will"), *tls = json_get(order, "tls");
    const char *edition = json_text_of(order, "edition", "");
    unsigned char *payload = NULL;
    char uri[2048], *const uris[] = {uri};
    drop();
    if (strcmp(edition, "mqtt-3.1.1") && strcmp(edition, "mqtt-5.0")) return refuse(id, "no such edition");
    if (!address(order, uri, sizeof uri)) return refuse(id, "no such transport");
    for (int i = 0; i < 2000 && !settled; i++) usleep(1000);
    v5 = !strcmp(edition, "mqtt-5.0");
    port = json_int_of(order, "port", 0);
    client = client_of(order, uri);
    if (!client) return refuse(id, "the library makes no such client");

    if (v5) options = options5;
    double timeout = json_number_of(order, "timeout", 10);
    int clean = json_int_of(order, "clean", 1);
    *(v5 ? &options.cleanstart : &options.cleansession) = clean;
    options.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    options.automaticReconnect = 0;
    options.serverURIs = uris;
    options.serverURIcount = 1;
    options.connectTimeout = (int)ceil(timeout);
    options.keepAliveInterval = json_int_of(order, "keep_alive", 60);
    options.username = json_text_of(order, "username", NULL);
    options.password = json_text_of(order, "password", NULL);
    if (tls) {
        options.ssl = &secure;
        secure.trustStore = json_text_of(tls, "authority", NULL);
        secure.keyStore = json_text_of(tls, "certificate", NULL);
        secure.privateKey = json_text_of(tls, "key", NULL);
        secure.enableServerCertAuth = secure.verify = secure.disableDefaultTrustStore = 1;
    }
    if (last) {
        int length = 0;
        payload = json_bytes(json_text_of(last, "payload", ""), &length);
        options.will = &will;
        will.topicName = json_text_of(last, "topic", "");
        will.payload.data = payload;
        will.payload.len = length;
        will.qos = json_int_of(last, "qos", 0);
        will.retained = json_int_of(last, "retain", 0);
    }
    bool sound = (!last || payload) && (!v5 || (packed(order, &all) && packed(last, &will_all)));
    if (!sound) refuse(id, "a property or a payload is not what it should be");
    struct expected *place = sound ? expect(id, CONNECT, 1, timeout) : NULL;
    if (place) {
        lock();
        connection = place->serial;
        stage = OPENING;
        settled = false;
        unlock();
        options.context = (void *)(intptr_t)connection;
        options.connectProperties = v5 ? &all : NULL;
        options.willProperties = v5 && last ? &will_all : NULL;
        if (v5) options.onSuccess5 = connected5, options.onFailure5 = failed5;
        else options.onSuccess = connected, options.onFailure = failed;
        MQTTAsync_setCallbacks(client, options.context, on_lost, on_message, NULL);
        MQTTAsync_setDisconnected(client, options.context, on_disconnect);
        int code = MQTTAsync_connect(client, &options);
        if (code) bring(options.context, NULL, 0, -1, NULL, words(code, NULL));
    }
    MQTTProperties_free(&all);
    MQTTProperties_free(&will_all);
    free(payload);
}

static MQTTAsync_responseOptions response(const struct expected *place, MQTTAsync_onSuccess *success, MQTTAsync_onSuccess5 *success5) {
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = (void *)(intptr_t)place->serial;
    if (v5) options.onSuccess5 = success5, options.onFailure5 = failed5;
    else options.onSuccess = success, options.onFailure = failed;
    return options;
}

static void filters_order(const struct json *order, long id, enum kind kind) {
    const struct json *filters = json_get(order, "filters");
    static char *names[MOST_CODES];
    static int qos[MOST_CODES];
    static MQTTSubscribe_options each_options[MOST_CODES];
    MQTTProperties all = MQTTProperties_initializer;
    int count = 0, code;
    for (const struct json *each = filters ? filters->first : NULL; each && count < MOST_CODES; each = each->next, count++) {
        names[count] = (char *)(kind == SUBSCRIBE ? json_text_of(each, "filter", NULL) : each->text);
        if (!names[count]) return refuse(id, "a filter is no text");
        qos[count] = json_int_of(each, "qos", 0);
        each_options[count] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        each_options[count].noLocal = (unsigned char)json_int_of(each, "no_local", 0);
        each_options[count].retainAsPublished = (unsigned char)json_int_of(each, "retain_as_published", 0);
        each_options[count].retainHandling = (unsigned char)json_int_of(each, "retain_handling", 0);
    }
    if (!count) return refuse(id, "no filters");
    if (v5 && !packed(order, &all)) return refuse(id, "the library takes no such property");
    struct expected *place = expect(id, kind, count, PATIENCE);
    if (place) {
        MQTTAsync_responseOptions options = response(place, kind == SUBSCRIBE ? subscribed : done, acknowledged5);
        options.properties = all;
        options.subscribeOptions = each_options[0];
        options.subscribeOptionsCount = v5 && count > 1 ? count : 0;
        options.subscribeOptionsList = v5 && count > 1 ? each_options : NULL;
        code = kind == SUBSCRIBE ? MQTTAsync_subscribeMany(client, count, names, qos, &options)
                                 : MQTTAsync_unsubscribeMany(client, count, names, &options);
        if (code) bring(options.context, NULL, 0, -1, NULL, words(code, NULL));
    }
    MQTTProperties_free(&all);
}

static void publish_order(const struct json *order, long id) {
    MQTTAsync_message m = MQTTAsync_message_initializer;
    const char *topic = json_text_of(order, "topic", NULL);
    unsigned char *payload = json_bytes(json_text_of(order, "payload", ""), &m.payloadlen);
    if (!payload || !topic) refuse(id, topic ? "the payload is not hexadecimal" : "no topic");
    else if (v5 && !packed(order, &m.properties)) refuse(id, "the library takes no such property");
    else {
        m.payload = payload;
        m.qos = json_int_of(order, "qos", 0);
        m.retained = json_int_of(order, "retain", 0);
        struct expected *place = expect(id, PUBLISH, m.qos > 0, PATIENCE);
        if (place) {
            MQTTAsync_responseOptions options = response(place, done, published5);
            int code = MQTTAsync_sendMessage(client, topic, &m, &options);
            if (code) bring(options.context, NULL, 0, -1, NULL, words(code, NULL));
        }
        MQTTProperties_free(&m.properties);
    }
    free(payload);
}

static void disconnect_order(const struct json *order, long id) {
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    if (v5 && !packed(order, &options.properties)) return refuse(id, "the library takes no such property");
    lock();
    stage = OVER;
    unlock();
    fail_all("the connection was ended by an order");
    struct expected *place = expect(id, DISCONNECT, 0, PATIENCE);
    if (place) {
        options.context = (void *)(intptr_t)place->serial;
        options.reasonCode = (enum MQTTReasonCodes)json_int_of(order, "code", 0);
        if (v5) options.onSuccess5 = done5, options.onFailure5 = failed5;
        else options.onSuccess = done, options.onFailure = failed;
        int code = MQTTAsync_disconnect(client, &options);
        if (code) bring(options.context, NULL, 0, -1, NULL, words(code, NULL));
    }
    MQTTProperties_free(&options.properties);
}

static void take(const struct json *order, long id, const char *op) {
    if (!strcmp(op, "connect")) connect_order(order, id);
    else if (!strcmp(op, "reset")) {
        drop();
        client = NULL;
        clients = NULL; /* begin_anew() ends them */
        settled = true;
        struct answer answer = {.present = -1};
        say_reply(id, true, &answer);
    } else if (strcmp(op, "subscribe") && strcmp(op, "unsubscribe") && strcmp(op, "publish") && strcmp(op, "disconnect"))
        refuse(id, "no such order");
    else if (stage != OPEN) refuse(id, "not connected");
    else if (!strcmp(op, "publish")) publish_order(order, id);
    else if (!strcmp(op, "disconnect")) disconnect_order(order, id);
    else filters_order(order, id, *op == 's' ? SUBSCRIBE : UNSUBSCRIBE);
}

/* After a reset the program begins anew, which nothing that the library keeps survives: neither sessions nor threads,
 * with which every connection but the first takes it a second. Not when orders have come already that are under way. */
static void begin_anew(void) {
    char *const words[] = {"paho-c", "--again", NULL};
    dup2(out, 1);
    for (int fd = 3; fd < 1024; fd++) close(fd);
    execv("/proc/self/exe", words);
    _exit(1);
}

int main(int count, char **words) {
    MQTTAsync_init_options global = MQTTAsync_init_options_initializer;
    const char *version = "";
    bool worn = false;
    global.do_openssl_init = 1;
    MQTTAsync_global_init(&global);
    for (MQTTAsync_nameValue *each = MQTTAsync_getVersionInfo(); each->name; each++)
        if (!strcmp(each->name, "Version")) version = each->value;
    begin(count == 1 ? "paho.mqtt.c" : NULL, version,
          "\"qos-1\",\"qos-2\",\"session\",\"in-flight\",\"will\",\"credentials\",\"properties\",\"subscription-options\",\"codes\","
          "\"tls\",\"mutual-tls\",\"websocket\"");
    for (;;) {
        struct pollfd input = {0, POLLIN, 0};
        poll(&input, 1, expire(1000));
        lock();
        bool left_over = stage == OVER && !settled && !place_of(DISCONNECT, -1);
        unlock();
        if (left_over) drop();
        if (input.revents && !read_orders(take)) _exit(0); /* the library's threads must not keep the process */
        if (worn && !clients && no_line_is_begun()) begin_anew();
        worn = worn || clients;
    }
}
