// HiveMQ Community Edition on the loopback address: java HiveMqBroker.java PORT WEBSOCKET_PORT WORK_FOLDER
// It ends when its standard input closes. Sessions and retained messages live in WORK_FOLDER/data.

import com.hivemq.embedded.EmbeddedHiveMQ;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

public class HiveMqBroker {
    private static final String CONFIG = """
            <?xml version="1.0"?>
            <hivemq>
              <listeners>
                <tcp-listener><port>%d</port><bind-address>127.0.0.1</bind-address></tcp-listener>
                <websocket-listener>
                  <port>%d</port><bind-address>127.0.0.1</bind-address><path>/mqtt</path>
                  <subprotocols><subprotocol>mqtt</subprotocol></subprotocols>
                </websocket-listener>
              </listeners>
              <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
            </hivemq>
            """;

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        int webSocketPort = Integer.parseInt(arguments[1]);
        Path home = Path.of(arguments[2]).toAbsolutePath();
        Path conf = folder(home, "conf");
        Files.writeString(conf.resolve("config.xml"), CONFIG.formatted(port, webSocketPort));

        EmbeddedHiveMQ broker = EmbeddedHiveMQ.builder()
                .withConfigurationFolder(conf)
                .withDataFolder(folder(home, "data"))
                .withExtensionsFolder(folder(home, "extensions"))
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
}
