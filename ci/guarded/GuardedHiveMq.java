// HiveMQ Community Edition that checks who connects: java GuardedHiveMq.java PORT WORK_FOLDER
//
// Without an Authentication Method it wants the user name "tester" and the password "secret". It knows the method
// "QUESTION": CONNECT says "hello", the broker asks with AUTH, the client answers "42"; the same again to
// re-authenticate. And it knows "SCRAM-SHA-256" (RFC 5802, RFC 7677) for the same user and password. It ends when its
// standard input closes.

import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.EnhancedAuthenticator;
import com.hivemq.extension.sdk.api.auth.parameter.EnhancedAuthConnectInput;
import com.hivemq.extension.sdk.api.auth.parameter.EnhancedAuthInput;
import com.hivemq.extension.sdk.api.auth.parameter.EnhancedAuthOutput;
import com.hivemq.extension.sdk.api.packets.connect.ConnectPacket;
import com.hivemq.extension.sdk.api.packets.general.DisconnectedReasonCode;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

public class GuardedHiveMq {
    private static final String CONFIG = """
            <?xml version="1.0"?>
            <hivemq>
              <listeners>
                <tcp-listener><port>%d</port><bind-address>127.0.0.1</bind-address></tcp-listener>
              </listeners>
              <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
            </hivemq>
            """;

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        Path home = Path.of(arguments[1]).toAbsolutePath();
        Path conf = folder(home, "conf");
        Files.writeString(conf.resolve("config.xml"), CONFIG.formatted(port));

        EmbeddedExtension guard = EmbeddedExtension.builder()
                .withId("guard").withName("guard").withVersion("1").withExtensionMain(new Guard()).build();
        EmbeddedHiveMQ broker = EmbeddedHiveMQ.builder()
                .withConfigurationFolder(conf)
                .withDataFolder(folder(home, "data"))
                .withExtensionsFolder(folder(home, "extensions"))
                .withEmbeddedExtension(guard)
                .build();
        broker.start().join();
        while (System.in.read() >= 0) {
            // Nothing is said to it; the end of the input is the only message.
        }
        broker.close();
        System.exit(0);
    }

    private static Path folder(Path home, String name) throws IOException {
        return Files.createDirectories(home.resolve(name));
    }

    static class Guard implements ExtensionMain {
        @Override
        public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
            Services.securityRegistry().setEnhancedAuthenticatorProvider(given -> new Question());
        }

        @Override
        public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {
        }
    }

    /** One client's authentication. */
    static class Question implements EnhancedAuthenticator {
        private boolean scram;
        private Scram exchange;

        @Override
        public void onConnect(EnhancedAuthConnectInput input, EnhancedAuthOutput output) {
            ConnectPacket connect = input.getConnectPacket();
            String method = connect.getAuthenticationMethod().orElse(null);
            if (method != null && method.equals("SCRAM-SHA-256")) {
                scram = true;
                challenge(text(connect.getAuthenticationData()), output);
            } else if (method != null && !method.equals("QUESTION")) {
                output.failAuthentication(DisconnectedReasonCode.BAD_AUTHENTICATION_METHOD);
            } else if (method != null) {
                ask(text(connect.getAuthenticationData()), output);
            } else if (connect.getUserName().orElse("").equals("tester")
                    && text(connect.getPassword()).equals("secret")) {
                output.authenticateSuccessfully();
            } else {
                output.failAuthentication(DisconnectedReasonCode.BAD_USER_NAME_OR_PASSWORD);
            }
        }

        @Override
        public void onReAuth(EnhancedAuthInput input, EnhancedAuthOutput output) {
            if (scram) {
                challenge(text(input.getAuthPacket().getAuthenticationData()), output);
                return;
            }
            ask(text(input.getAuthPacket().getAuthenticationData()), output);
        }

        @Override
        public void onAuth(EnhancedAuthInput input, EnhancedAuthOutput output) {
            if (scram) {
                verify(text(input.getAuthPacket().getAuthenticationData()), output);
                return;
            }
            if (text(input.getAuthPacket().getAuthenticationData()).equals("42")) {
                output.authenticateSuccessfully();
            } else {
                output.failAuthentication(DisconnectedReasonCode.NOT_AUTHORIZED);
            }
        }

        private void challenge(String first, EnhancedAuthOutput output) {
            exchange = new Scram();
            String answer = exchange.first(first);
            if (answer == null) {
                output.failAuthentication(DisconnectedReasonCode.NOT_AUTHORIZED);
            } else {
                output.continueAuthentication(answer.getBytes(StandardCharsets.UTF_8));
            }
        }

        private void verify(String last, EnhancedAuthOutput output) {
            String proof = exchange == null ? null : exchange.last(last);
            exchange = null;
            if (proof == null) {
                output.failAuthentication(DisconnectedReasonCode.NOT_AUTHORIZED);
            } else {
                output.authenticateSuccessfully(proof.getBytes(StandardCharsets.UTF_8));
            }
        }

        private static void ask(String greeting, EnhancedAuthOutput output) {
            if (greeting.equals("hello")) {
                output.continueAuthentication("6 times 7?".getBytes(StandardCharsets.UTF_8));
            } else {
                output.failAuthentication(DisconnectedReasonCode.NOT_AUTHORIZED);
            }
        }

        private static String text(Optional<ByteBuffer> data) {
            return data.map(bytes -> StandardCharsets.UTF_8.decode(bytes).toString()).orElse("");
        }
    }

    /** One exchange of SCRAM-SHA-256, the server's side; null is a message that is not as it must be. */
    static class Scram {
        private static final int ROUNDS = 4096;
        private final byte[] salt = random(16);
        private String nonce;
        private String said;

        String first(String message) {
            if (!message.startsWith("n,,n=tester,r=") || message.length() == 14) {
                return null;
            }
            String bare = message.substring(3);
            nonce = bare.substring("n=tester,r=".length()).split(",")[0] + base64(random(18));
            String answer = "r=" + nonce + ",s=" + base64(salt) + ",i=" + ROUNDS;
            said = bare + "," + answer;
            return answer;
        }

        String last(String message) {
            int end = message.lastIndexOf(",p=");
            if (end < 0 || !message.substring(0, end).equals("c=biws,r=" + nonce)) {
                return null;
            }
            try {
                byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                        .generateSecret(new PBEKeySpec("secret".toCharArray(), salt, ROUNDS, 256)).getEncoded();
                byte[] stored = MessageDigest.getInstance("SHA-256").digest(mac(salted, "Client Key"));
                String whole = said + "," + message.substring(0, end);
                byte[] key = Base64.getDecoder().decode(message.substring(end + 3));
                byte[] signature = mac(stored, whole);
                if (key.length != signature.length) {
                    return null;
                }
                for (int i = 0; i < key.length; i++) {
                    key[i] ^= signature[i];
                }
                boolean proven = MessageDigest.isEqual(MessageDigest.getInstance("SHA-256").digest(key), stored);
                return proven ? "v=" + base64(mac(mac(salted, "Server Key"), whole)) : null;
            } catch (GeneralSecurityException | IllegalArgumentException error) {
                return null;
            }
        }

        private static byte[] mac(byte[] key, String text) throws GeneralSecurityException {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        }

        private static byte[] random(int size) {
            byte[] bytes = new byte[size];
            new SecureRandom().nextBytes(bytes);
            return bytes;
        }

        private static String base64(byte[] bytes) {
            return Base64.getEncoder().encodeToString(bytes);
        }
    }
}
