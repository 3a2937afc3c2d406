import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.eclipse.paho.client.mqttv3.IMqttActionListener;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.IMqttToken;
import org.eclipse.paho.client.mqttv3.MqttAsyncClient;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.internal.wire.MqttSuback;

/** A connection of Paho's mqttv3. */
final class Paho3 implements Shim.Connection, MqttCallback {
    private final MqttAsyncClient client;
    private final Link link;
    private final String uri;
    private final Sockets sockets = new Sockets();

    Paho3(MqttAsyncClient client, Link link, String uri) {
        this.client = client;
        this.link = link;
        this.uri = uri;
    }

    @Override
    public CompletableFuture<Shim.Answer> connect(JsonObject order) throws Exception {
        client.setCallback(this);
        MqttConnectOptions options = new MqttConnectOptions();
        options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
        options.setAutomaticReconnect(false);
        options.setMaxInflight(65_535); // its default of 10 is a limit for applications, not for the protocol
        options.setServerURIs(new String[] {uri});
        options.setSocketFactory(PahoShim.factory(order, sockets));
        options.setConnectionTimeout((int) Math.ceil(order.getDouble("timeout", 10)));
        options.setCleanSession(order.getBoolean("clean", true));
        options.setKeepAliveInterval(order.getInt("keep_alive", 60));
        if (Shim.text(order, "username") != null) {
            options.setUserName(Shim.text(order, "username"));
        }
        if (Shim.text(order, "password") != null) {
            options.setPassword(Shim.text(order, "password").toCharArray());
        }
        JsonObject will = Shim.object(order, "will");
        if (!will.isEmpty()) {
            options.setWill(will.getString("topic", ""), Shim.bytes(will, "payload"), will.getInt("qos", 0),
                will.getBoolean("retain", false));
        }
        Coming coming = new Coming(token -> new Shim.Answer(List.of(0), token.getSessionPresent(), null));
        client.connect(options, null, coming);
        return coming.answer.whenComplete((answer, error) -> {
            if (error != null) {
                link.settle();
            }
        });
    }

    @Override
    public CompletableFuture<Shim.Answer> subscribe(JsonObject order) throws Exception {
        JsonArray wanted = order.get("filters").asArray();
        String[] filters = new String[wanted.size()];
        int[] qos = new int[wanted.size()];
        for (int i = 0; i < filters.length; i++) {
            filters[i] = wanted.get(i).asObject().getString("filter", "");
            qos[i] = wanted.get(i).asObject().getInt("qos", 0);
        }
        Coming coming = new Coming(token -> new Shim.Answer(granted(token), null, null));
        client.subscribe(filters, qos, null, coming);
        return coming.answer;
    }

    private static List<Integer> granted(IMqttToken token) {
        List<Integer> codes = new ArrayList<>();
        if (token.getResponse() instanceof MqttSuback) {
            for (int code : ((MqttSuback) token.getResponse()).getGrantedQos()) {
                codes.add(code);
            }
        }
        return codes;
    }

    @Override
    public CompletableFuture<Shim.Answer> unsubscribe(JsonObject order) throws Exception {
        List<String> filters = order.get("filters").asArray().values().stream().map(JsonValue::asString).toList();
        Coming coming = new Coming(token -> Shim.Answer.NOTHING);
        client.unsubscribe(filters.toArray(new String[0]), null, coming);
        return coming.answer;
    }

    @Override
    public CompletableFuture<Shim.Answer> publish(JsonObject order) throws Exception {
        Coming coming = new Coming(token -> Shim.Answer.NOTHING);
        client.publish(order.getString("topic", ""), Shim.bytes(order, "payload"), order.getInt("qos", 0),
            order.getBoolean("retain", false), null, coming);
        return coming.answer;
    }

    @Override
    public CompletableFuture<Shim.Answer> disconnect(JsonObject order) throws Exception {
        Coming coming = new Coming(token -> Shim.Answer.NOTHING);
        client.disconnect(0, null, coming);
        return coming.answer;
    }

    @Override
    public void drop() {
        sockets.close();
    }

    @Override
    public void connectionLost(Throwable why) {
        link.lost(null, why);
    }

    @Override
    public void messageArrived(String topic, MqttMessage message) {
        link.tell(Shim.message(topic, message.getPayload(), message.getQos(), message.isRetained())
            .add("dup", message.isDuplicate()));
    }

    @Override
    public void deliveryComplete(IMqttDeliveryToken token) {
        // Each publish has its own listener.
    }

    /** An answer to come. Numbers of refusals are the library's reason codes below those that it has for itself. */
    private static final class Coming implements IMqttActionListener {
        final CompletableFuture<Shim.Answer> answer = new CompletableFuture<>();
        private final Function<IMqttToken, Shim.Answer> taken;

        Coming(Function<IMqttToken, Shim.Answer> taken) {
            this.taken = taken;
        }

        @Override
        public void onSuccess(IMqttToken token) {
            answer.complete(taken.apply(token));
        }

        @Override
        public void onFailure(IMqttToken token, Throwable error) {
            List<Integer> codes = granted(token);
            if (error instanceof MqttException) {
                int reason = ((MqttException) error).getReasonCode();
                codes = reason >= 1 && reason <= 5 ? List.of(reason) : codes;
            }
            answer.completeExceptionally(new Shim.Refused(String.valueOf(error), new Shim.Answer(codes, null, null)));
        }
    }
}
