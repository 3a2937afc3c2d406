/* Properties between the standard's names and Paho's structure. */
#include <MQTTProperties.h>

static const struct {
    const char *name;
    int identifier;
} NAMES[] = {
    {"payload_format_indicator", 1}, {"message_expiry_interval", 2}, {"content_type", 3}, {"response_topic", 8},
    {"correlation_data", 9}, {"subscription_identifier", 11}, {"session_expiry_interval", 17},
    {"assigned_client_identifier", 18}, {"server_keep_alive", 19}, {"authentication_method", 21},
    {"authentication_data", 22}, {"request_problem_information", 23}, {"will_delay_interval", 24},
    {"request_response_information", 25}, {"response_information", 26}, {"server_reference", 28}, {"reason_string", 31},
    {"receive_maximum", 33}, {"topic_alias_maximum", 34}, {"topic_alias", 35}, {"maximum_qos", 36},
    {"retain_available", 37}, {"user_property", 38}, {"maximum_packet_size", 39}, {"wildcard_subscription_available", 40},
    {"subscription_identifier_available", 41}, {"shared_subscription_available", 42},
};
enum { MANY_NAMES = sizeof NAMES / sizeof *NAMES };

/* Paho copies what it is given. */
static bool put_text(MQTTProperties *all, MQTTProperty *p, const struct json *value) {
    if (value->kind != JSON_TEXT) return false;
    p->value.data.data = (char *)value->text;
    p->value.data.len = (int)strlen(value->text);
    return MQTTProperties_add(all, p) == 0;
}

static bool put_pairs(MQTTProperties *all, MQTTProperty *p, const struct json *value) {
    for (const struct json *pair = value->first; pair; pair = pair->next) {
        const struct json *second = pair->first ? pair->first->next : NULL;
        if (!second || second->kind != JSON_TEXT) return false;
        p->value.value.data = (char *)second->text;
        p->value.value.len = (int)strlen(second->text);
        if (!put_text(all, p, pair->first)) return false;
    }
    return true;
}

static bool put(MQTTProperties *all, const struct json *value) {
    int i = 0, length = 0;
    while (i < MANY_NAMES && strcmp(NAMES[i].name, value->name)) i++;
    if (i == MANY_NAMES) return false;
    MQTTProperty p = {.identifier = (enum MQTTPropertyCodes)NAMES[i].identifier};
    int type = MQTTProperty_getType(p.identifier);
    if (type == MQTTPROPERTY_TYPE_UTF_8_STRING_PAIR) return put_pairs(all, &p, value);
    if (type == MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING) return put_text(all, &p, value);
    if (type == MQTTPROPERTY_TYPE_BINARY_DATA) {
        unsigned char *bytes = value->kind == JSON_TEXT ? json_bytes(value->text, &length) : NULL;
        p.value.data.data = (char *)bytes;
        p.value.data.len = length;
        bool done = bytes && length <= 65535 && MQTTProperties_add(all, &p) == 0;
        free(bytes);
        return done;
    }
    if (value->kind != JSON_NUMBER || value->number < 0 || value->number > 4294967295.0) return false;
    if (type == MQTTPROPERTY_TYPE_BYTE) p.value.byte = (unsigned char)value->number;
    else if (type == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER) p.value.integer2 = (unsigned short)value->number;
    else p.value.integer4 = (unsigned)value->number;
    return MQTTProperties_add(all, &p) == 0;
}

/* The properties of an order, for the caller to free; false when one is none. */
static bool packed(const struct json *order, MQTTProperties *all) {
    const struct json *given = json_get(order, "properties");
    *all = (MQTTProperties)MQTTProperties_initializer;
    for (const struct json *each = given ? given->first : NULL; each; each = each->next) {
        if (put(all, each)) continue;
        MQTTProperties_free(all);
        return false;
    }
    return true;
}

static void told_value(struct text *told, const MQTTProperty *p) {
    switch (MQTTProperty_getType(p->identifier)) {
    case MQTTPROPERTY_TYPE_BYTE: add(told, "%d", p->value.byte); break;
    case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER: add(told, "%d", p->value.integer2); break;
    case MQTTPROPERTY_TYPE_FOUR_BYTE_INTEGER:
    case MQTTPROPERTY_TYPE_VARIABLE_BYTE_INTEGER: add(told, "%u", p->value.integer4); break;
    case MQTTPROPERTY_TYPE_BINARY_DATA: add_hex(told, p->value.data.data, (size_t)p->value.data.len); break;
    case MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING: add_quoted(told, p->value.data.data, (size_t)p->value.data.len); break;
    default:
        add(told, "[");
        add_quoted(told, p->value.data.data, (size_t)p->value.data.len);
        add(told, ",");
        add_quoted(told, p->value.value.data, (size_t)p->value.value.len);
        add(told, "]");
    }
}

/* What may come more than once is a list. */
static struct text told(const MQTTProperties *all) {
    struct text told = {0};
    for (int i = 0; i < MANY_NAMES; i++) {
        int seen = 0, identifier = NAMES[i].identifier;
        bool list = identifier == MQTTPROPERTY_CODE_USER_PROPERTY || identifier == MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER;
        for (int j = 0; all && j < all->count; j++) {
            if ((int)all->array[j].identifier != identifier || (seen && !list)) continue;
            if (!seen++) {
                add_property(&told, NAMES[i].name);
                add(&told, list ? "[" : "");
            } else add(&told, ",");
            told_value(&told, &all->array[j]);
        }
        if (seen && list) add(&told, "]");
    }
    end_properties(&told);
    return told;
}
