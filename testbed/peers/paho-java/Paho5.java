import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttActionListener;
import org.eclipse.paho.mqttv5.client.MqttAsyncClient;
import org.eclipse.paho.mqttv5.client.MqttCallback;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.MqttSubscription;
import org.eclipse.paho.mqttv5.common.packet.MqttConnAck;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.MqttPubComp;

/** A connection of Paho's mqttv5. */
final class Paho5 implements Shim.Connection, MqttCallback {
    private final MqttAsyncClient client;
    private final Link link;
    private final String uri;
    private final Sockets sockets = new Sockets();
    private volatile CompletableFuture<Shim.Answer> authenticated = new CompletableFuture<>();
    private volatile Iterator<byte[]> answers;
    private String method;

    Paho5(MqttAsyncClient client, Link link, String uri) {
        this.client = client;
        this.link = link;
        this.uri = uri;
    }

    @Override
    public CompletableFuture<Shim.Answer> connect(JsonObject order) throws Exception {
        client.setCallback(this);
        MqttConnectionOptions options = new MqttConnectionOptions();
        options.setAutomaticReconnect(false);
        options.setServerURIs(new String[] {uri});
        options.setSocketFactory(PahoShim.factory(order, sockets));
        options.setConnectionTimeout((int) Math.ceil(order.getDouble("timeout", 10)));
        options.setCleanStart(order.getBoolean("clean", true));
        options.setKeepAliveInterval(order.getInt("keep_alive", 60));
        options.setUserName(Shim.text(order, "username"));
        if (Shim.text(order, "password") != null) {
            options.setPassword(Shim.text(order, "password").getBytes("UTF-8"));
        }
        JsonObject will = Shim.object(order, "will");
        if (!will.isEmpty()) {
            MqttProperties properties = Properties5.packed(will, Properties5.WILL);
            options.setWill(will.getString("topic", ""), new MqttMessage(Shim.bytes(will, "payload"),
                will.getInt("qos", 0), will.getBoolean("retain", false), properties));
            options.setWillMessageProperties(properties);
        }
        MqttProperties given = Properties5.packed(order, Properties5.CONNECT);
        options.setSessionExpiryInterval(given.getSessionExpiryInterval());
        options.setReceiveMaximum(given.getReceiveMaximum());
        options.setMaximumPacketSize(given.getMaximumPacketSize());
        options.setTopicAliasMaximum(given.getTopicAliasMaximum());
        options.setUserProperties(given.getUserProperties());
        JsonObject named = Shim.object(order, "properties");
        if (named.get("request_response_information") != null) {
            options.setRequestResponseInfo(named.getInt("request_response_information", 0) == 1);
        }
        if (named.get("request_problem_information") != null) {
            options.setRequestProblemInfo(named.getInt("request_problem_information", 1) == 1);
        }
        method = given.getAuthenticationMethod();
        answers = Shim.answers(order).iterator();
        options.setAuthMethod(method);
        options.setAuthData(given.getAuthenticationData());
        Coming coming = new Coming();
        client.connect(options, null, coming);
        return coming.answer.whenComplete((answer, error) -> {
            if (error != null) {
                link.settle();
            }
        });
    }

    @Override
    public CompletableFuture<Shim.Answer> subscribe(JsonObject order) throws Exception {
        List<MqttSubscription> filters = new ArrayList<>();
        for (JsonValue value : order.get("filters").asArray()) {
            JsonObject wanted = value.asObject();
            MqttSubscription filter = new MqttSubscription(wanted.getString("filter", ""), wanted.getInt("qos", 0));
            filter.setNoLocal(wanted.getBoolean("no_local", false));
            filter.setRetainAsPublished(wanted.getBoolean("retain_as_published", false));
            filter.setRetainHandling(wanted.getInt("retain_handling", 0));
            filters.add(filter);
        }
        Coming coming = new Coming();
        client.subscribe(filters.toArray(new MqttSubscription[0]), null, coming,
            Properties5.packed(order, Properties5.SUBSCRIBE));
        return coming.answer;
    }

    @Override
    public CompletableFuture<Shim.Answer> unsubscribe(JsonObject order) throws Exception {
        List<String> filters = order.get("filters").asArray().values().stream().map(JsonValue::asString).toList();
        Coming coming = new Coming();
        client.unsubscribe(filters.toArray(new String[0]), null, coming,
            Properties5.packed(order, Properties5.UNSUBSCRIBE));
        return coming.answer;
    }

    @Override
    public CompletableFuture<Shim.Answer> publish(JsonObject order) throws Exception {
        MqttMessage message = new MqttMessage(Shim.bytes(order, "payload"), order.getInt("qos", 0),
            order.getBoolean("retain", false), Properties5.packed(order, Properties5.PUBLISH));
        Coming coming = new Coming();
        client.publish(order.getString("topic", ""), message, null, coming);
        return coming.answer;
    }

    @Override
    public CompletableFuture<Shim.Answer> disconnect(JsonObject order) throws Exception {
        MqttProperties properties = Properties5.packed(order, Properties5.DISCONNECT);
        Coming coming = new Coming();
        client.disconnect(0, null, coming, order.getInt("code", 0), properties);
        return coming.answer;
    }

    @Override
    public void drop() {
        sockets.close();
    }

    @Override
    public void disconnected(MqttDisconnectResponse response) {
        if (response.getException() == null) {
            link.lost(response.getReturnCode(), response.getReasonString());
        } else {
            link.lost(null, response.getException());
        }
    }

    @Override
    public void mqttErrorOccurred(MqttException error) {
        System.err.println(error);
    }

    @Override
    public void messageArrived(String topic, MqttMessage message) {
        JsonObject event = Shim.message(topic, message.getPayload(), message.getQos(), message.isRetained());
        link.tell(event.add("dup", message.isDuplicate()).add("properties", Properties5.told(message.getProperties())));
    }

    @Override
    public void deliveryComplete(IMqttToken token) {
        // Each publish has its own listener.
    }

    @Override
    public void connectComplete(boolean again, String uri) {
        // connect has its own listener.
    }

    @Override
    public void authPacketArrived(int code, MqttProperties properties) {
        if (code != 0x18) {
            authenticated.complete(new Shim.Answer(List.of(code), null, Properties5.told(properties)));
            return;
        }
        if (method == null) {
            return; // there is nothing to answer with
        }
        try {
            // Before CONNACK the library refuses to send an AUTH, and so cannot answer one.
            auth(0x18, answers.hasNext() ? answers.next() : null);
        } catch (MqttException error) {
            System.err.println(error);
        }
    }

    @Override
    public CompletableFuture<Shim.Answer> authenticate(JsonObject order) throws Exception {
        authenticated = new CompletableFuture<>();
        answers = Shim.answers(order).iterator();
        auth(0x19, Shim.text(order, "data") == null ? null : Shim.bytes(order, "data"));
        return authenticated;
    }

    private void auth(int code, byte[] data) throws MqttException {
        MqttProperties properties = new MqttProperties();
        properties.setAuthenticationMethod(method);
        properties.setAuthenticationData(data);
        client.authenticate(code, null, properties);
    }

    /** An answer to come. The codes of a failure are the library's reason, where it is one of the protocol. */
    private static final class Coming implements MqttActionListener {
        final CompletableFuture<Shim.Answer> answer = new CompletableFuture<>();

        @Override
        public void onSuccess(IMqttToken token) {
            answer.complete(of(token));
        }

        @Override
        public void onFailure(IMqttToken token, Throwable error) {
            Shim.Answer came = of(token);
            if (came.codes().isEmpty() && error instanceof MqttException) {
                int reason = ((MqttException) error).getReasonCode();
                List<Integer> codes = reason >= 0x80 && reason <= 0xFF ? List.of(reason) : List.of();
                came = new Shim.Answer(codes, null, null);
            }
            answer.completeExceptionally(new Shim.Refused(String.valueOf(error), came));
        }

        private static Shim.Answer of(IMqttToken token) {
            MqttProperties properties = token.getResponseProperties();
            JsonObject told = properties == null ? null : Properties5.told(properties);
            if (token.getResponse() instanceof MqttConnAck) {
                return new Shim.Answer(
                    List.of(((MqttConnAck) token.getResponse()).getReturnCode()), token.getSessionPresent(), told);
            }
            int[] codes = token.getReasonCodes();
            if (codes != null && codes.length > 1 && token.getResponse() instanceof MqttPubComp) {
                codes = new int[] {codes[codes.length - 1]}; // the first is of the PUBREC
            }
            return new Shim.Answer(codes == null ? List.of() : Arrays.stream(codes).boxed().toList(), null, told);
        }
    }
}
