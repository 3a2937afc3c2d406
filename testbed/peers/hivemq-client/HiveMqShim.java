// The HiveMQ MQTT Client as a shim (docs/shims.md), for 3.1.1 and 5.0.

import com.eclipsesource.json.JsonObject;
import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttClientExecutorConfig;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttClientTransportConfig;
import com.hivemq.client.mqtt.MqttClientTransportConfigBuilder;
import com.hivemq.client.mqtt.MqttWebSocketConfig;
import com.hivemq.client.mqtt.lifecycle.MqttClientDisconnectedContext;
import com.hivemq.client.mqtt.lifecycle.MqttDisconnectSource;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import io.netty.channel.Channel;
import io.netty.channel.SingleThreadEventLoop;
import io.netty.channel.nio.NioEventLoopGroup;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

public final class HiveMqShim implements Shim.Library {
    /** The network thread of every client: ours, because closing its channels ends a connection without DISCONNECT. */
    static final NioEventLoopGroup NETWORK = new NioEventLoopGroup(1, Shim::daemon);

    /** A client object is its session. It is made for one address, and another address has another. */
    private final Map<String, Kept> kept = new HashMap<>();

    /** A client object, and the connection that it has or had last. */
    abstract static class Kept {
        /** Of the connection to be opened; until then, what is told is told of the one before. */
        volatile Link next;
        volatile Link link;
        volatile boolean forgotten;

        /** From the library's listener, which is called before the library has let go of the connection. */
        void ended(MqttClientDisconnectedContext context) {
            Link ended = link;
            Integer code = null;
            if (context.getSource() == MqttDisconnectSource.SERVER
                    && context.getCause() instanceof Mqtt5DisconnectException) {
                code = ((Mqtt5Disconnect) ((Mqtt5DisconnectException) context.getCause()).getMqttMessage())
                    .getReasonCode().getCode();
            }
            Integer came = code;
            NETWORK.execute(() -> ended.lost(came, context.getCause()));
        }

        abstract Shim.Connection connection(JsonObject order);
    }

    public static void main(String[] arguments) throws Exception {
        Shim.serve(new HiveMqShim(), "hivemq-mqtt-client", "1.4.2", "authenticate", "authentication", "qos-1",
            "qos-2", "session", "in-flight", "will", "credentials", "properties", "subscription-options", "codes", "tls",
            "server-name", "mutual-tls", "websocket");
    }

    @Override
    public Shim.Connection open(JsonObject order, Link link) throws Exception {
        String edition = order.getString("edition", ""), id = order.getString("client_id", "");
        if (!edition.equals("mqtt-3.1.1") && !edition.equals("mqtt-5.0")) {
            throw new Shim.Refused("no edition is called '" + edition + "'");
        }
        String key = edition + order.getString("host", "") + order.getInt("port", 0) + order.getString("transport", "")
            + order.getString("path", "") + order.get("tls") + " " + id;
        Kept client = kept.get(key);
        if (client == null || id.isEmpty()) {
            client = edition.equals("mqtt-5.0") ? new Hive5(builder(order)) : new Hive3(builder(order));
            kept.put(key, client);
        }
        client.next = link;
        return client.connection(order);
    }

    @Override
    public void forget() {
        kept.values().forEach(client -> client.forgotten = true);
        kept.clear();
    }

    /** Closes whatever is open or being opened; there is only one connection at a time. */
    static void closeAll() {
        NETWORK.forEach(loop -> {
            SingleThreadEventLoop thread = (SingleThreadEventLoop) loop;
            Runnable closing = () -> thread.registeredChannelsIterator().forEachRemaining(Channel::close);
            if (thread.inEventLoop()) {
                closing.run();
            } else {
                thread.submit(closing).awaitUninterruptibly(500);
            }
        });
    }

    private static MqttClientBuilder builder(JsonObject order) throws Exception {
        JsonObject tls = Shim.object(order, "tls");
        String transport = order.getString("transport", "tcp");
        long milliseconds = (long) (order.getDouble("timeout", 10) * 1000);
        InetAddress host = InetAddress.getByName(order.getString("host", ""));
        String name = tls.getString("server_name", "");
        if (!name.isEmpty()) {
            host = InetAddress.getByAddress(name, host.getAddress());
        }
        MqttClientTransportConfigBuilder way = MqttClientTransportConfig.builder()
            .serverAddress(new InetSocketAddress(host, order.getInt("port", 0)))
            .socketConnectTimeout(milliseconds, TimeUnit.MILLISECONDS)
            .mqttConnectTimeout(milliseconds, TimeUnit.MILLISECONDS);
        switch (transport) {
            case "tcp", "ws" -> {
                // Nothing to secure.
            }
            case "tls", "wss" -> {
                Tls files = Tls.of(order);
                way = way.sslConfig(
                    MqttClientSslConfig.builder().trustManagerFactory(files.trust()).keyManagerFactory(files.own()).build());
            }
            default -> throw new Shim.Refused("this library has no transport '" + transport + "'");
        }
        if (transport.startsWith("ws")) {
            way = way.webSocketConfig(MqttWebSocketConfig.builder().serverPath(order.getString("path", "")).build());
        }
        MqttClientBuilder builder = MqttClient.builder().transportConfig(way.build())
            .executorConfig(MqttClientExecutorConfig.builder().nettyExecutor(NETWORK).nettyThreads(1).build());
        String id = order.getString("client_id", "");
        return id.isEmpty() ? builder : builder.identifier(id);
    }
}
