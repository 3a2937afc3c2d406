// The MQTT libraries of Eclipse Paho for Java as a shim (docs/shims.md): mqttv3 speaks 3.1.1, mqttv5 5.0.

import com.eclipsesource.json.JsonObject;
import java.util.HashMap;
import java.util.Map;
import javax.net.SocketFactory;

public final class PahoShim implements Shim.Library {
    // A client object is its session: what it has not seen acknowledged it sends again when it is connected again.
    private final Map<String, org.eclipse.paho.client.mqttv3.MqttAsyncClient> clients3 = new HashMap<>();
    private final Map<String, org.eclipse.paho.mqttv5.client.MqttAsyncClient> clients5 = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Shim.serve(new PahoShim(), "paho.mqtt.java", "1.2.5", "authenticate", "qos-1", "qos-2", "session",
            "in-flight", "will", "credentials", "properties", "subscription-options", "codes", "tls", "mutual-tls", "websocket");
    }

    @Override
    public Shim.Connection open(JsonObject order, Link link) throws Exception {
        String id = order.getString("client_id", ""), uri = uri(order);
        switch (order.getString("edition", "")) {
            case "mqtt-3.1.1" -> {
                if (!clients3.containsKey(id)) {
                    clients3.put(id, new org.eclipse.paho.client.mqttv3.MqttAsyncClient(
                        uri, id, new org.eclipse.paho.client.mqttv3.persist.MemoryPersistence()));
                }
                return new Paho3(id.isEmpty() ? clients3.remove(id) : clients3.get(id), link, uri);
            }
            case "mqtt-5.0" -> {
                if (!clients5.containsKey(id)) {
                    clients5.put(id, new org.eclipse.paho.mqttv5.client.MqttAsyncClient(
                        uri, id, new org.eclipse.paho.mqttv5.client.persist.MemoryPersistence()));
                }
                return new Paho5(id.isEmpty() ? clients5.remove(id) : clients5.get(id), link, uri);
            }
            default -> throw new Shim.Refused("no edition is called '" + order.getString("edition", "") + "'");
        }
    }

    @Override
    public void forget() {
        clients3.clear();
        clients5.clear();
    }

    /** Both libraries take the name to ask for in TLS from the address, so another one must lead to the same host. */
    static String uri(JsonObject order) throws Shim.Refused {
        String transport = order.getString("transport", "tcp");
        String name = Shim.object(order, "tls").getString("server_name", "");
        String host = name.isEmpty() ? order.getString("host", "") : name;
        String authority = (host.contains(":") ? "[" + host + "]" : host) + ":" + order.getInt("port", 0);
        return switch (transport) {
            case "tcp" -> "tcp://" + authority;
            case "tls" -> "ssl://" + authority;
            case "ws", "wss" -> transport + "://" + authority + order.getString("path", "");
            default -> throw new Shim.Refused("this library has no transport '" + transport + "'");
        };
    }

    static SocketFactory factory(JsonObject order, Sockets sockets) throws Exception {
        return switch (order.getString("transport", "tcp")) {
            case "tls", "wss" -> sockets.secure(Tls.of(order).context().getSocketFactory());
            default -> sockets.plain();
        };
    }
}
