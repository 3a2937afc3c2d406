import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5MessageException;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5SimpleAuth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5SimpleAuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectRestrictions;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectRestrictionsBuilder;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5DisconnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5DisconnectReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5RetainHandling;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5Subscribe;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5Subscription;
import com.hivemq.client.mqtt.mqtt5.message.unsubscribe.Mqtt5Unsubscribe;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** A client for 5.0, and its connections. */
final class Hive5 extends HiveMqShim.Kept implements Shim.Connection {
    private final Mqtt5AsyncClient client;
    private volatile Authentication authentication;

    Hive5(MqttClientBuilder builder) {
        client = builder.useMqttVersion5().addDisconnectedListener(this::ended).buildAsync();
        listen();
    }

    /** The stream of messages ends with its session, and begins anew. */
    private void listen() {
        client.toRx().publishes(MqttGlobalPublishFilter.ALL).subscribe(this::arrived, error -> {
            if (!forgotten) {
                listen();
            }
        });
    }

    private void arrived(Mqtt5Publish message) {
        link.tell(Shim.message(message.getTopic().toString(), message.getPayloadAsBytes(), message.getQos().getCode(),
            message.isRetain()).add("properties", Told.ofPublish(message)));
    }

    @Override
    Shim.Connection connection(JsonObject order) {
        return this;
    }

    @Override
    public CompletableFuture<Shim.Answer> connect(JsonObject order) throws Exception {
        link = next;
        Given given = new Given(order, Given.CONNECT);
        Mqtt5ConnectBuilder connect = Mqtt5Connect.builder().cleanStart(order.getBoolean("clean", true))
            .keepAlive(order.getInt("keep_alive", 60)).userProperties(given.user());
        Mqtt5ConnectRestrictionsBuilder limits = Mqtt5ConnectRestrictions.builder();
        given.number("session_expiry_interval", connect::sessionExpiryInterval);
        given.number("receive_maximum", value -> limits.receiveMaximum((int) value));
        given.number("maximum_packet_size", value -> limits.maximumPacketSize((int) value));
        given.number("topic_alias_maximum", value -> limits.topicAliasMaximum((int) value));
        given.number("request_problem_information", value -> limits.requestProblemInformation(value == 1));
        given.number("request_response_information", value -> limits.requestResponseInformation(value == 1));
        connect.restrictions(limits.build());

        String user = Shim.text(order, "username"), password = Shim.text(order, "password");
        String method = given.text("authentication_method");
        authentication = method == null ? null
            : new Authentication(method, given.data("authentication_data"), Shim.answers(order));
        connect.enhancedAuth(authentication);
        if (user != null || password != null) {
            connect.simpleAuth(credentials(user, password));
        }
        JsonObject will = Shim.object(order, "will");
        if (!will.isEmpty()) {
            Given more = new Given(will, Given.WILL);
            var message = published(will, more).asWill().extendAsWill();
            more.number("will_delay_interval", message::delayInterval);
            connect.willPublish(message.build());
        }
        return answer(client.connect(connect.build()));
    }

    private static Mqtt5SimpleAuth credentials(String user, String password) {
        byte[] secret = password == null ? null : password.getBytes(StandardCharsets.UTF_8);
        if (user == null) {
            return Mqtt5SimpleAuth.builder().password(secret).build();
        }
        Mqtt5SimpleAuthBuilder.Complete named = Mqtt5SimpleAuth.builder().username(user);
        return (secret == null ? named : named.password(secret)).build();
    }

    private static Mqtt5Publish published(JsonObject from, Given given) {
        var message = Mqtt5Publish.builder().topic(from.getString("topic", "")).payload(Shim.bytes(from, "payload"))
            .qos(MqttQos.fromCode(from.getInt("qos", 0))).retain(from.getBoolean("retain", false))
            .userProperties(given.user()).contentType(given.text("content_type"))
            .responseTopic(given.text("response_topic")).correlationData(given.data("correlation_data"))
            .payloadFormatIndicator(given.format());
        given.number("message_expiry_interval", message::messageExpiryInterval);
        return message.build();
    }

    @Override
    public CompletableFuture<Shim.Answer> subscribe(JsonObject order) throws Exception {
        List<Mqtt5Subscription> filters = new ArrayList<>();
        for (JsonValue value : order.get("filters").asArray()) {
            JsonObject wanted = value.asObject();
            filters.add(Mqtt5Subscription.builder().topicFilter(wanted.getString("filter", ""))
                .qos(MqttQos.fromCode(wanted.getInt("qos", 0))).noLocal(wanted.getBoolean("no_local", false))
                .retainAsPublished(wanted.getBoolean("retain_as_published", false))
                .retainHandling(Mqtt5RetainHandling.fromCode(wanted.getInt("retain_handling", 0))).build());
        }
        Given given = new Given(order, Given.SUBSCRIBE);
        return answer(client.subscribe(
            Mqtt5Subscribe.builder().addSubscriptions(filters).userProperties(given.user()).build()));
    }

    @Override
    public CompletableFuture<Shim.Answer> unsubscribe(JsonObject order) throws Exception {
        Given given = new Given(order, Given.UNSUBSCRIBE);
        String[] filters =
            order.get("filters").asArray().values().stream().map(JsonValue::asString).toArray(String[]::new);
        var all = Mqtt5Unsubscribe.builder().topicFilter(filters[0]).userProperties(given.user());
        for (int i = 1; i < filters.length; i++) {
            all = all.addTopicFilter(com.hivemq.client.mqtt.datatypes.MqttTopicFilter.of(filters[i]));
        }
        return answer(client.unsubscribe(all.build()));
    }

    @Override
    public CompletableFuture<Shim.Answer> publish(JsonObject order) throws Exception {
        return answer(client.publish(published(order, new Given(order, Given.PUBLISH))));
    }

    @Override
    public CompletableFuture<Shim.Answer> disconnect(JsonObject order) throws Exception {
        Given given = new Given(order, Given.DISCONNECT);
        Mqtt5DisconnectReasonCode code = Mqtt5DisconnectReasonCode.fromCode(order.getInt("code", 0));
        if (code == null) {
            throw new Shim.Refused("the library knows no such code of DISCONNECT");
        }
        Mqtt5DisconnectBuilder disconnect = Mqtt5Disconnect.builder().reasonCode(code).userProperties(given.user())
            .reasonString(given.text("reason_string")).serverReference(given.text("server_reference"));
        given.number("session_expiry_interval", disconnect::sessionExpiryInterval);
        return answer(client.disconnect(disconnect.build()));
    }

    @Override
    public CompletableFuture<Shim.Answer> authenticate(JsonObject order) throws Exception {
        if (authentication != null) {
            authentication.begin(Shim.text(order, "data") == null ? null : Shim.bytes(order, "data"), Shim.answers(order));
        }
        return answer(client.reauth());
    }

    @Override
    public void drop() {
        HiveMqShim.closeAll();
    }

    private static CompletableFuture<Shim.Answer> answer(CompletableFuture<?> coming) {
        return coming.handle((came, error) -> {
            Throwable why = error instanceof CompletionException ? error.getCause() : error;
            if (why instanceof Mqtt5MessageException) {
                Object message = ((Mqtt5MessageException) why).getMqttMessage();
                throw new CompletionException(new Shim.Refused(why.getMessage(), Told.of(message)));
            }
            if (why != null) {
                throw new CompletionException(why);
            }
            return Told.of(came);
        });
    }
}
