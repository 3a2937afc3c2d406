import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperties;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserPropertiesBuilder;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PayloadFormatIndicator;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.LongConsumer;

/** The properties of an order, none of which the library has no place for. */
final class Given {
    static final Set<String> CONNECT = Set.of("session_expiry_interval", "receive_maximum", "maximum_packet_size",
        "topic_alias_maximum", "user_property", "request_response_information", "request_problem_information",
        "authentication_method", "authentication_data");
    static final Set<String> WILL = Set.of("will_delay_interval", "payload_format_indicator", "message_expiry_interval",
        "content_type", "response_topic", "correlation_data", "user_property");
    // Topic aliases and subscription identifiers are the library's own affair.
    static final Set<String> PUBLISH = Set.of("payload_format_indicator", "message_expiry_interval", "response_topic",
        "correlation_data", "content_type", "user_property");
    static final Set<String> SUBSCRIBE = Set.of("user_property");
    static final Set<String> UNSUBSCRIBE = Set.of("user_property");
    static final Set<String> DISCONNECT = Set.of("session_expiry_interval", "reason_string", "server_reference",
        "user_property");

    private final JsonObject properties;

    Given(JsonObject order, Set<String> room) throws Shim.Refused {
        properties = Shim.object(order, "properties");
        for (String name : properties.names()) {
            if (!room.contains(name)) {
                throw new Shim.Refused("the library takes no " + name + " here");
            }
        }
    }

    void number(String name, LongConsumer place) {
        JsonValue value = properties.get(name);
        if (value != null) {
            place.accept(value.asLong());
        }
    }

    String text(String name) {
        return Shim.text(properties, name);
    }

    byte[] data(String name) {
        String hex = text(name);
        return hex == null ? null : HexFormat.of().parseHex(hex);
    }

    Mqtt5PayloadFormatIndicator format() {
        JsonValue value = properties.get("payload_format_indicator");
        return value == null ? null : Mqtt5PayloadFormatIndicator.fromCode(value.asInt());
    }

    Mqtt5UserProperties user() {
        Mqtt5UserPropertiesBuilder all = Mqtt5UserProperties.builder();
        JsonValue pairs = properties.get("user_property");
        if (pairs != null) {
            for (JsonValue pair : pairs.asArray()) {
                all.add(pair.asArray().get(0).asString(), pair.asArray().get(1).asString());
            }
        }
        return all.build();
    }
}
