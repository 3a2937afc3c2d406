import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.util.Date;
import java.util.List;
import org.eclipse.tahu.host.HostApplication;
import org.eclipse.tahu.host.api.HostApplicationEventHandler;
import org.eclipse.tahu.host.model.HostApplicationMetricMap;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.model.DeviceDescriptor;
import org.eclipse.tahu.message.model.EdgeNodeDescriptor;
import org.eclipse.tahu.message.model.Message;
import org.eclipse.tahu.message.model.MessageType;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.message.model.Metric.MetricBuilder;
import org.eclipse.tahu.message.model.MetricDataType;
import org.eclipse.tahu.message.model.SparkplugBPayload.SparkplugBPayloadBuilder;
import org.eclipse.tahu.message.model.SparkplugDescriptor;
import org.eclipse.tahu.message.model.Topic;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.MqttClientId;
import org.eclipse.tahu.mqtt.MqttServerName;
import org.eclipse.tahu.mqtt.MqttServerUrl;
import org.slf4j.LoggerFactory;

/**
 * Eclipse Tahu as a host application: TahuHost HOST PORT ID. It controls: when the metric Trigger of a node or a device
 * changes, it writes the same number to its metric Target.
 */
public final class TahuHost implements HostApplicationEventHandler {
    private HostApplication application;

    public static void main(String[] words) throws Exception {
        ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        MqttServerDefinition server = new MqttServerDefinition(
                new MqttServerName("server"), new MqttClientId(words[2], false),
                new MqttServerUrl("tcp://" + words[0] + ":" + words[1]), null, null, 30, null);
        TahuHost host = new TahuHost();
        host.application = new HostApplication(
                host, words[2], List.of("spBv1.0/#"), List.of(server), null, new SparkplugBPayloadDecoder(), true);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> host.application.shutdown()));
        host.application.start(true);
        Thread.currentThread().join();
    }

    @Override
    public void onDataMetric(SparkplugDescriptor descriptor, Metric metric) {
        if (!"Trigger".equals(metric.getName())) {
            return;
        }
        try {
            Topic topic = descriptor instanceof DeviceDescriptor device
                    ? new Topic("spBv1.0", device, MessageType.DCMD)
                    : new Topic("spBv1.0", (EdgeNodeDescriptor) descriptor, MessageType.NCMD);
            EdgeNodeDescriptor node = descriptor instanceof DeviceDescriptor device
                    ? device.getEdgeNodeDescriptor() : (EdgeNodeDescriptor) descriptor;
            Long alias = HostApplicationMetricMap.getInstance().getAlias(node, descriptor, "Target");
            Metric target = new MetricBuilder(
                    alias == null ? "Target" : null, MetricDataType.Int32, metric.getValue())
                    .alias(alias).timestamp(new Date()).createMetric();
            application.publishCommand(topic, new SparkplugBPayloadBuilder().setTimestamp(new Date())
                    .addMetric(target).createPayload());
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    @Override
    public void onConnect() {}

    @Override
    public void onDisconnect() {}

    @Override
    public void onMessage(SparkplugDescriptor descriptor, Message message) {}

    @Override
    public void onNodeBirthArrived(EdgeNodeDescriptor descriptor, Message message) {}

    @Override
    public void onNodeBirthComplete(EdgeNodeDescriptor descriptor) {}

    @Override
    public void onNodeDataArrived(EdgeNodeDescriptor descriptor, Message message) {}

    @Override
    public void onNodeDataComplete(EdgeNodeDescriptor descriptor) {}

    @Override
    public void onNodeDeath(EdgeNodeDescriptor descriptor, Message message) {}

    @Override
    public void onNodeDeathComplete(EdgeNodeDescriptor descriptor) {}

    @Override
    public void onDeviceBirthArrived(DeviceDescriptor descriptor, Message message) {}

    @Override
    public void onDeviceBirthComplete(DeviceDescriptor descriptor) {}

    @Override
    public void onDeviceDataArrived(DeviceDescriptor descriptor, Message message) {}

    @Override
    public void onDeviceDataComplete(DeviceDescriptor descriptor) {}

    @Override
    public void onDeviceDeath(DeviceDescriptor descriptor, Message message) {}

    @Override
    public void onDeviceDeathComplete(DeviceDescriptor descriptor) {}

    @Override
    public void onBirthMetric(SparkplugDescriptor descriptor, Metric metric) {}

    @Override
    public void onStale(SparkplugDescriptor descriptor, Metric metric) {}
}
