import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.exceptions.Mqtt3MessageException;
import com.hivemq.client.mqtt.mqtt3.message.Mqtt3Message;
import com.hivemq.client.mqtt.mqtt3.message.auth.Mqtt3SimpleAuth;
import com.hivemq.client.mqtt.mqtt3.message.auth.Mqtt3SimpleAuthBuilder;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3Connect;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3ConnectBuilder;
import com.hivemq.client.mqtt.mqtt3.message.connect.connack.Mqtt3ConnAck;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;
import com.hivemq.client.mqtt.mqtt3.message.subscribe.Mqtt3Subscribe;
import com.hivemq.client.mqtt.mqtt3.message.subscribe.Mqtt3Subscription;
import com.hivemq.client.mqtt.mqtt3.message.subscribe.suback.Mqtt3SubAck;
import com.hivemq.client.mqtt.mqtt3.message.unsubscribe.Mqtt3Unsubscribe;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** A client for 3.1.1, and its connections. */
final class Hive3 extends HiveMqShim.Kept implements Shim.Connection {
    private final Mqtt3AsyncClient client;

    Hive3(MqttClientBuilder builder) {
        client = builder.useMqttVersion3().addDisconnectedListener(this::ended).buildAsync();
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

    private void arrived(Mqtt3Publish message) {
        link.tell(Shim.message(message.getTopic().toString(), message.getPayloadAsBytes(), message.getQos().getCode(),
            message.isRetain()));
    }

    @Override
    Shim.Connection connection(JsonObject order) {
        return this;
    }

    @Override
    public CompletableFuture<Shim.Answer> connect(JsonObject order) throws Exception {
        link = next;
        Mqtt3ConnectBuilder connect = Mqtt3Connect.builder().cleanSession(order.getBoolean("clean", true))
            .keepAlive(order.getInt("keep_alive", 60));
        String user = Shim.text(order, "username"), password = Shim.text(order, "password");
        if (user != null) {
            Mqtt3SimpleAuthBuilder.Complete credentials = Mqtt3SimpleAuth.builder().username(user);
            connect.simpleAuth((password == null ? credentials
                : credentials.password(password.getBytes(StandardCharsets.UTF_8))).build());
        } else if (password != null) {
            throw new Shim.Refused("the library takes no password without a user name");
        }
        JsonObject will = Shim.object(order, "will");
        if (!will.isEmpty()) {
            connect.willPublish(published(will));
        }
        return answer(client.connect(connect.build()));
    }

    private static Mqtt3Publish published(JsonObject from) {
        return Mqtt3Publish.builder().topic(from.getString("topic", "")).payload(Shim.bytes(from, "payload"))
            .qos(MqttQos.fromCode(from.getInt("qos", 0))).retain(from.getBoolean("retain", false)).build();
    }

    @Override
    public CompletableFuture<Shim.Answer> subscribe(JsonObject order) throws Exception {
        List<Mqtt3Subscription> filters = new ArrayList<>();
        for (JsonValue value : order.get("filters").asArray()) {
            JsonObject wanted = value.asObject();
            filters.add(Mqtt3Subscription.builder().topicFilter(wanted.getString("filter", ""))
                .qos(MqttQos.fromCode(wanted.getInt("qos", 0))).build());
        }
        return answer(client.subscribe(Mqtt3Subscribe.builder().addSubscriptions(filters).build()));
    }

    @Override
    public CompletableFuture<Shim.Answer> unsubscribe(JsonObject order) throws Exception {
        String[] filters =
            order.get("filters").asArray().values().stream().map(JsonValue::asString).toArray(String[]::new);
        var first = Mqtt3Unsubscribe.builder().topicFilter(filters[0]);
        for (int i = 1; i < filters.length; i++) {
            first = first.addTopicFilter(com.hivemq.client.mqtt.datatypes.MqttTopicFilter.of(filters[i]));
        }
        return answer(client.unsubscribe(first.build()));
    }

    @Override
    public CompletableFuture<Shim.Answer> publish(JsonObject order) throws Exception {
        return answer(client.publish(published(order)));
    }

    @Override
    public CompletableFuture<Shim.Answer> disconnect(JsonObject order) throws Exception {
        return answer(client.disconnect());
    }

    @Override
    public void drop() {
        HiveMqShim.closeAll();
    }

    private static CompletableFuture<Shim.Answer> answer(CompletableFuture<?> coming) {
        return coming.handle((came, error) -> {
            Throwable why = error instanceof CompletionException ? error.getCause() : error;
            if (why instanceof Mqtt3MessageException) {
                Mqtt3Message message = ((Mqtt3MessageException) why).getMqttMessage();
                throw new CompletionException(new Shim.Refused(why.getMessage(), of(message)));
            }
            if (why != null) {
                throw new CompletionException(why);
            }
            return of(came);
        });
    }

    private static Shim.Answer of(Object came) {
        if (came instanceof Mqtt3ConnAck) {
            Mqtt3ConnAck connack = (Mqtt3ConnAck) came;
            return new Shim.Answer(List.of(connack.getReturnCode().getCode()), connack.isSessionPresent(), null);
        }
        if (came instanceof Mqtt3SubAck) {
            List<Integer> codes = ((Mqtt3SubAck) came).getReturnCodes().stream().map(code -> code.getCode()).toList();
            return new Shim.Answer(codes, null, null);
        }
        return Shim.Answer.NOTHING;
    }
}
