import com.hivemq.client.mqtt.datatypes.MqttUtf8String;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientConfig;
import com.hivemq.client.mqtt.mqtt5.auth.Mqtt5EnhancedAuthMechanism;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5Auth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5AuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5EnhancedAuth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5EnhancedAuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Our side of an authentication method: SCRAM-SHA-256; of any other, data come back as they came. */
final class Authentication implements Mqtt5EnhancedAuthMechanism {
    private final String method;
    private final Scram scram;
    private byte[] first;

    Authentication(String method, String user, String password, byte[] data) {
        this.method = method;
        scram = Scram.NAME.equals(method) ? new Scram(user, password) : null;
        again(data == null ? new byte[0] : data);
    }

    /** Begins anew; with data, those are the first. */
    void again(byte[] data) {
        first = scram == null ? data : scram.first(data);
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
        auth.data(first.length == 0 ? null : first);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> onReAuth(Mqtt5ClientConfig client, Mqtt5AuthBuilder auth) {
        auth.data(first.length == 0 ? null : first);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Boolean> onContinue(Mqtt5ClientConfig client, Mqtt5Auth came, Mqtt5AuthBuilder auth) {
        byte[] challenge = bytes(came.getData());
        byte[] answer = scram == null ? challenge : scram.next(challenge);
        if (answer == null) {
            return CompletableFuture.completedFuture(false);
        }
        auth.data(answer.length == 0 ? null : answer);
        return CompletableFuture.completedFuture(true);
    }

    @Override
    public CompletableFuture<Boolean> onAuthSuccess(Mqtt5ClientConfig client, Mqtt5ConnAck connack) {
        return done(connack.getEnhancedAuth().flatMap(Mqtt5EnhancedAuth::getData));
    }

    @Override
    public CompletableFuture<Boolean> onReAuthSuccess(Mqtt5ClientConfig client, Mqtt5Auth auth) {
        return done(auth.getData());
    }

    private CompletableFuture<Boolean> done(Optional<ByteBuffer> data) {
        return CompletableFuture.completedFuture(scram == null || scram.done(bytes(data)));
    }

    private static byte[] bytes(Optional<ByteBuffer> data) {
        byte[] copy = new byte[data.map(ByteBuffer::remaining).orElse(0)];
        data.ifPresent(buffer -> buffer.duplicate().get(copy));
        return copy;
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
