import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.UserProperty;

/** Properties between the standard's names and Paho's structure, and where Paho takes them. */
final class Properties5 {
    static final Set<String> CONNECT = Set.of("session_expiry_interval", "receive_maximum", "maximum_packet_size",
        "topic_alias_maximum", "user_property", "request_response_information", "request_problem_information",
        "authentication_method", "authentication_data");
    static final Set<String> WILL = Set.of("will_delay_interval", "payload_format_indicator", "message_expiry_interval",
        "content_type", "response_topic", "correlation_data", "user_property");
    static final Set<String> PUBLISH = Set.of("payload_format_indicator", "message_expiry_interval", "topic_alias",
        "response_topic", "correlation_data", "content_type", "user_property");
    static final Set<String> SUBSCRIBE = Set.of("subscription_identifier", "user_property");
    static final Set<String> UNSUBSCRIBE = Set.of("user_property");
    static final Set<String> DISCONNECT = Set.of("session_expiry_interval", "reason_string", "server_reference",
        "user_property");

    private Properties5() {
    }

    static MqttProperties packed(JsonObject order, Set<String> room) throws Shim.Refused {
        MqttProperties all = new MqttProperties();
        for (JsonObject.Member member : Shim.object(order, "properties")) {
            if (!room.contains(member.getName())) {
                throw new Shim.Refused("the library takes no " + member.getName() + " here");
            }
            put(all, member.getName(), member.getValue());
        }
        return all;
    }

    private static void put(MqttProperties all, String name, JsonValue value) {
        switch (name) {
            case "payload_format_indicator" -> all.setPayloadFormat(value.asInt() == 1);
            case "message_expiry_interval" -> all.setMessageExpiryInterval(value.asLong());
            case "content_type" -> all.setContentType(value.asString());
            case "response_topic" -> all.setResponseTopic(value.asString());
            case "correlation_data" -> all.setCorrelationData(HexFormat.of().parseHex(value.asString()));
            case "subscription_identifier" -> all.setSubscriptionIdentifier(value.asInt());
            case "session_expiry_interval" -> all.setSessionExpiryInterval(value.asLong());
            case "authentication_method" -> all.setAuthenticationMethod(value.asString());
            case "authentication_data" -> all.setAuthenticationData(HexFormat.of().parseHex(value.asString()));
            case "will_delay_interval" -> all.setWillDelayInterval(value.asLong());
            case "server_reference" -> all.setServerReference(value.asString());
            case "reason_string" -> all.setReasonString(value.asString());
            case "receive_maximum" -> all.setReceiveMaximum(value.asInt());
            case "topic_alias_maximum" -> all.setTopicAliasMaximum(value.asInt());
            case "topic_alias" -> all.setTopicAlias(value.asInt());
            case "maximum_packet_size" -> all.setMaximumPacketSize(value.asLong());
            case "user_property" -> {
                List<UserProperty> pairs = new ArrayList<>();
                for (JsonValue pair : value.asArray()) {
                    pairs.add(new UserProperty(pair.asArray().get(0).asString(), pair.asArray().get(1).asString()));
                }
                all.setUserProperties(pairs);
            }
            default -> {
                // request_..._information are options of the library.
            }
        }
    }

    /** What came. Some the library tells as true or false, so that their default cannot be told from absent. */
    static JsonObject told(MqttProperties all) {
        JsonObject told = Json.object();
        number(told, "message_expiry_interval", all.getMessageExpiryInterval());
        number(told, "session_expiry_interval", all.getSessionExpiryInterval());
        number(told, "server_keep_alive", all.getServerKeepAlive());
        number(told, "receive_maximum", all.getReceiveMaximum());
        number(told, "topic_alias_maximum", all.getTopicAliasMaximum());
        number(told, "topic_alias", all.getTopicAlias());
        number(told, "maximum_qos", all.getMaximumQoS());
        number(told, "maximum_packet_size", all.getMaximumPacketSize());
        text(told, "content_type", all.getContentType());
        text(told, "response_topic", all.getResponseTopic());
        text(told, "assigned_client_identifier", all.getAssignedClientIdentifier());
        text(told, "response_information", all.getResponseInfo());
        text(told, "server_reference", all.getServerReference());
        text(told, "reason_string", all.getReasonString());
        text(told, "authentication_method", all.getAuthenticationMethod());
        text(told, "correlation_data", all.getCorrelationData() == null ? null : Shim.hex(all.getCorrelationData()));
        text(told, "authentication_data", all.getAuthenticationData() == null ? null : Shim.hex(all.getAuthenticationData()));
        flag(told, "payload_format_indicator", all.getPayloadFormat(), true);
        flag(told, "retain_available", Boolean.TRUE.equals(all.isRetainAvailable()), false);
        flag(told, "wildcard_subscription_available", all.isWildcardSubscriptionsAvailable(), false);
        flag(told, "subscription_identifier_available", all.isSubscriptionIdentifiersAvailable(), false);
        flag(told, "shared_subscription_available", all.isSharedSubscriptionAvailable(), false);
        JsonArray identifiers = new JsonArray();
        all.getSubscriptionIdentifiers().forEach(identifiers::add);
        if (!identifiers.isEmpty()) {
            told.add("subscription_identifier", identifiers);
        }
        JsonArray pairs = new JsonArray();
        all.getUserProperties().forEach(pair -> pairs.add(Json.array(pair.getKey(), pair.getValue())));
        if (!pairs.isEmpty()) {
            told.add("user_property", pairs);
        }
        return told;
    }

    private static void number(JsonObject told, String name, Number value) {
        if (value != null) {
            told.add(name, value.longValue());
        }
    }

    private static void text(JsonObject told, String name, String value) {
        if (value != null) {
            told.add(name, value);
        }
    }

    private static void flag(JsonObject told, String name, boolean value, boolean unless) {
        if (value == unless) {
            told.add(name, value ? 1 : 0);
        }
    }
}
