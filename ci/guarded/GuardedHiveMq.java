// HiveMQ Community Edition that checks who connects: java GuardedHiveMq.java PORT WORK_FOLDER
//
// Without an Authentication Method it wants the user name "tester" and the password "secret". It knows the method
// "QUESTION": CONNECT says "hello", the broker asks with AUTH, the client answers "42"; the same again to
// re-authenticate. It ends when its standard input closes.

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
import java.util.Optional;

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
        @Override
        public void onConnect(EnhancedAuthConnectInput input, EnhancedAuthOutput output) {
            ConnectPacket connect = input.getConnectPacket();
            String method = connect.getAuthenticationMethod().orElse(null);
            if (method != null && !method.equals("QUESTION")) {
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
            ask(text(input.getAuthPacket().getAuthenticationData()), output);
        }

        @Override
        public void onAuth(EnhancedAuthInput input, EnhancedAuthOutput output) {
            if (text(input.getAuthPacket().getAuthenticationData()).equals("42")) {
                output.authenticateSuccessfully();
            } else {
                output.failAuthentication(DisconnectedReasonCode.NOT_AUTHORIZED);
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
}
