import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperties;
import com.hivemq.client.mqtt.mqtt5.message.Mqtt5ReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAckRestrictions;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishResult;
import com.hivemq.client.mqtt.mqtt5.message.publish.puback.Mqtt5PubAck;
import com.hivemq.client.mqtt.mqtt5.message.publish.pubcomp.Mqtt5PubComp;
import com.hivemq.client.mqtt.mqtt5.message.publish.pubrec.Mqtt5PubRec;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.suback.Mqtt5SubAck;
import com.hivemq.client.mqtt.mqtt5.message.unsubscribe.unsuback.Mqtt5UnsubAck;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What the library tells, in the words of a reply. */
final class Told {
    private Told() {
    }

    static Shim.Answer of(Object came) {
        if (came instanceof Mqtt5ConnAck connack) {
            return new Shim.Answer(
                List.of(connack.getReasonCode().getCode()), connack.isSessionPresent(), ofConnAck(connack));
        }
        if (came instanceof Mqtt5SubAck ack) {
            return of(ack.getReasonCodes(), ack.getReasonString(), ack.getUserProperties());
        }
        if (came instanceof Mqtt5UnsubAck ack) {
            return of(ack.getReasonCodes(), ack.getReasonString(), ack.getUserProperties());
        }
        if (came instanceof Mqtt5PubAck ack) {
            return of(List.of(ack.getReasonCode()), ack.getReasonString(), ack.getUserProperties());
        }
        if (came instanceof Mqtt5PubRec ack) {
            return of(List.of(ack.getReasonCode()), ack.getReasonString(), ack.getUserProperties());
        }
        if (came instanceof Mqtt5PubComp ack) {
            return of(List.of(ack.getReasonCode()), ack.getReasonString(), ack.getUserProperties());
        }
        if (came instanceof Mqtt5Disconnect end) {
            return of(List.of(end.getReasonCode()), end.getReasonString(), end.getUserProperties());
        }
        if (came instanceof Mqtt5PublishResult.Mqtt5Qos1Result result) {
            return of(result.getPubAck());
        }
        if (came instanceof Mqtt5PublishResult.Mqtt5Qos2CompleteResult result) {
            return of(result.getPubComp());
        }
        if (came instanceof Mqtt5PublishResult.Mqtt5Qos2Result result) {
            return of(result.getPubRec());
        }
        return Shim.Answer.NOTHING;
    }

    private static Shim.Answer of(List<? extends Mqtt5ReasonCode> codes, Optional<?> reason, Mqtt5UserProperties user) {
        JsonObject told = Json.object();
        text(told, "reason_string", reason);
        user(told, user);
        return new Shim.Answer(codes.stream().map(Mqtt5ReasonCode::getCode).toList(), null, told);
    }

    /** The library tells limits with their defaults put in, so that a default cannot be told from absent. */
    private static JsonObject ofConnAck(Mqtt5ConnAck connack) {
        JsonObject told = Json.object();
        Mqtt5ConnAckRestrictions limits = connack.getRestrictions();
        number(told, "session_expiry_interval", connack.getSessionExpiryInterval());
        connack.getServerKeepAlive().ifPresent(value -> told.add("server_keep_alive", value));
        text(told, "assigned_client_identifier", connack.getAssignedClientIdentifier());
        text(told, "response_information", connack.getResponseInformation());
        text(told, "server_reference", connack.getServerReference());
        text(told, "reason_string", connack.getReasonString());
        connack.getEnhancedAuth().ifPresent(auth -> {
            told.add("authentication_method", auth.getMethod().toString());
            data(told, "authentication_data", auth.getData());
        });
        limit(told, "receive_maximum", limits.getReceiveMaximum(), Mqtt5ConnAckRestrictions.DEFAULT_RECEIVE_MAXIMUM);
        limit(told, "maximum_packet_size", limits.getMaximumPacketSize(),
            Mqtt5ConnAckRestrictions.DEFAULT_MAXIMUM_PACKET_SIZE_NO_LIMIT);
        limit(told, "topic_alias_maximum", limits.getTopicAliasMaximum(), 0);
        limit(told, "maximum_qos", limits.getMaximumQos().getCode(), 2);
        limit(told, "retain_available", limits.isRetainAvailable() ? 1 : 0, 1);
        limit(told, "wildcard_subscription_available", limits.isWildcardSubscriptionAvailable() ? 1 : 0, 1);
        limit(told, "shared_subscription_available", limits.isSharedSubscriptionAvailable() ? 1 : 0, 1);
        limit(told, "subscription_identifier_available", limits.areSubscriptionIdentifiersAvailable() ? 1 : 0, 1);
        user(told, connack.getUserProperties());
        return told;
    }

    static JsonObject ofPublish(Mqtt5Publish message) {
        JsonObject told = Json.object();
        message.getPayloadFormatIndicator().ifPresent(value -> told.add("payload_format_indicator", value.getCode()));
        number(told, "message_expiry_interval", message.getMessageExpiryInterval());
        text(told, "content_type", message.getContentType());
        text(told, "response_topic", message.getResponseTopic());
        data(told, "correlation_data", message.getCorrelationData());
        user(told, message.getUserProperties());
        return told;
    }

    private static void limit(JsonObject told, String name, int value, int unless) {
        if (value != unless) {
            told.add(name, value);
        }
    }

    private static void number(JsonObject told, String name, OptionalLong value) {
        value.ifPresent(number -> told.add(name, number));
    }

    private static void text(JsonObject told, String name, Optional<?> value) {
        value.ifPresent(text -> told.add(name, text.toString()));
    }

    private static void data(JsonObject told, String name, Optional<ByteBuffer> value) {
        value.ifPresent(buffer -> {
            byte[] data = new byte[buffer.remaining()];
            buffer.duplicate().get(data);
            told.add(name, Shim.hex(data));
        });
    }

    private static void user(JsonObject told, Mqtt5UserProperties user) {
        JsonArray pairs = new JsonArray();
        user.asList().forEach(pair -> pairs.add(Json.array(pair.getName().toString(), pair.getValue().toString())));
        if (!pairs.isEmpty()) {
            told.add("user_property", pairs);
        }
    }
}
