import com.hivemq.client.mqtt.datatypes.MqttUtf8String;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientConfig;
import com.hivemq.client.mqtt.mqtt5.auth.Mqtt5EnhancedAuthMechanism;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5Auth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5AuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5EnhancedAuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Our side of an authentication method, in the words of the orders. */
final class Authentication implements Mqtt5EnhancedAuthMechanism {
    private final String method;
    private byte[] first;
    private Iterator<byte[]> answers;

    Authentication(String method, byte[] first, List<byte[]> answers) {
        this.method = method;
        begin(first, answers);
    }

    synchronized void begin(byte[] first, List<byte[]> answers) {
        this.first = first;
        this.answers = answers.iterator();
    }

    @Override
    public MqttUtf8String getMethod() {
        return MqttUtf8String.of(method);
    }

    @Override
    public int getTimeout() {
        return (int) Shim.PATIENCE;
    }

    @Override
    public CompletableFuture<Void> onAuth(Mqtt5ClientConfig client, Mqtt5Connect connect, Mqtt5EnhancedAuthBuilder auth) {
        auth.data(first);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> onReAuth(Mqtt5ClientConfig client, Mqtt5AuthBuilder auth) {
        auth.data(first);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public synchronized CompletableFuture<Boolean> onContinue(
            Mqtt5ClientConfig client, Mqtt5Auth came, Mqtt5AuthBuilder auth) {
        auth.data(answers.hasNext() ? answers.next() : null);
        return CompletableFuture.completedFuture(true);
    }

    @Override
    public CompletableFuture<Boolean> onAuthSuccess(Mqtt5ClientConfig client, Mqtt5ConnAck connack) {
        return CompletableFuture.completedFuture(true);
    }

    @Override
    public CompletableFuture<Boolean> onReAuthSuccess(Mqtt5ClientConfig client, Mqtt5Auth auth) {
        return CompletableFuture.completedFuture(true);
    }

    @Override
    public void onAuthRejected(Mqtt5ClientConfig client, Mqtt5ConnAck connack) {
        // The reply to connect says it.
    }

    @Override
    public void onReAuthRejected(Mqtt5ClientConfig client, Mqtt5Disconnect disconnect) {
        // The reply to authenticate says it.
    }

    @Override
    public void onAuthError(Mqtt5ClientConfig client, Throwable cause) {
        System.err.println(cause);
    }

    @Override
    public void onReAuthError(Mqtt5ClientConfig client, Throwable cause) {
        System.err.println(cause);
    }
}
