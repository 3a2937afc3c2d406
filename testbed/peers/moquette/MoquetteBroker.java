// Moquette on the loopback address: java MoquetteBroker.java PORT WEBSOCKET_PORT WORK_FOLDER
// It ends when its standard input closes.

import io.moquette.broker.Server;
import io.moquette.broker.config.IConfig;
import io.moquette.broker.config.MemoryConfig;
import java.util.Properties;

public class MoquetteBroker {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty(IConfig.PORT_PROPERTY_NAME, arguments[0]);
        properties.setProperty(IConfig.HOST_PROPERTY_NAME, "127.0.0.1");
        properties.setProperty(IConfig.WEB_SOCKET_PORT_PROPERTY_NAME, arguments[1]);
        properties.setProperty(IConfig.DATA_PATH_PROPERTY_NAME, arguments[2]);
        properties.setProperty(IConfig.PERSISTENCE_ENABLED_PROPERTY_NAME, "false");
        properties.setProperty(IConfig.ALLOW_ANONYMOUS_PROPERTY_NAME, "true");
        // Its default refuses the zero-length client id that the standard lets a client send.
        properties.setProperty("allow_zero_byte_client_id", "true");
        properties.setProperty(IConfig.ENABLE_TELEMETRY_NAME, "false");

        Server broker = new Server();
        broker.startServer(new MemoryConfig(properties));
        while (System.in.read() >= 0) {
            // Nothing is said to it; the end of the input is the only message.
        }
        broker.stopServer();
        System.exit(0);
    }
}
