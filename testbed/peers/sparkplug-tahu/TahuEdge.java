import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.tahu.edge.EdgeClient;
import org.eclipse.tahu.edge.api.MetricHandler;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.SparkplugBPayloadEncoder;
import org.eclipse.tahu.message.model.DataSet.DataSetBuilder;
import org.eclipse.tahu.message.model.DataSetDataType;
import org.eclipse.tahu.message.model.EdgeNodeDescriptor;
import org.eclipse.tahu.message.model.MessageType;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.message.model.Metric.MetricBuilder;
import org.eclipse.tahu.message.model.MetricDataType;
import org.eclipse.tahu.message.model.Parameter;
import org.eclipse.tahu.message.model.ParameterDataType;
import org.eclipse.tahu.message.model.PropertyDataType;
import org.eclipse.tahu.message.model.PropertySet.PropertySetBuilder;
import org.eclipse.tahu.message.model.PropertyValue;
import org.eclipse.tahu.message.model.Row.RowBuilder;
import org.eclipse.tahu.message.model.SparkplugBPayload;
import org.eclipse.tahu.message.model.SparkplugBPayload.SparkplugBPayloadBuilder;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap.SparkplugBPayloadMapBuilder;
import org.eclipse.tahu.message.model.SparkplugDescriptor;
import org.eclipse.tahu.message.model.StatePayload;
import org.eclipse.tahu.message.model.Template.TemplateBuilder;
import org.eclipse.tahu.message.model.Topic;
import org.eclipse.tahu.message.model.Value;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.ClientCallback;
import org.eclipse.tahu.mqtt.MqttClientId;
import org.eclipse.tahu.mqtt.MqttServerName;
import org.eclipse.tahu.mqtt.MqttServerUrl;
import org.slf4j.LoggerFactory;

/** Eclipse Tahu as an edge node with one device that waits for a primary host: TahuEdge HOST PORT NODE PRIMARY-HOST. */
public final class TahuEdge implements MetricHandler, ClientCallback {
    private static final String REBIRTH = "Node Control/Rebirth";
    private static final String DEVICE = "valve";

    private final EdgeNodeDescriptor node;
    private final EdgeClient client;
    private final Topic death;
    private long bdSeq = -1;
    private int setpoint = 1;
    private int opening = 2;
    private boolean lost;

    private TahuEdge(String host, String port, String name, String primaryHost) throws Exception {
        node = new EdgeNodeDescriptor("plant", name);
        death = new Topic("spBv1.0", "plant", name, MessageType.NDEATH);
        MqttServerDefinition server = new MqttServerDefinition(
                new MqttServerName("server"), new MqttClientId(name, false),
                new MqttServerUrl("tcp://" + host + ":" + port), null, null, 30, death);
        client = new EdgeClient(this, node, List.of(DEVICE), primaryHost, false, 0L, List.of(server), this, null);
    }

    public static void main(String[] words) throws Exception {
        ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        TahuEdge edge = new TahuEdge(words[0], words[1], words[2], words[3]);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> edge.client.shutdown()));
        edge.client.run();
    }

    private static MetricBuilder metric(String name, MetricDataType type, Object value) {
        return new MetricBuilder(name, type, value).timestamp(new Date());
    }

    @Override
    public Topic getDeathTopic() {
        return death;
    }

    @Override
    public byte[] getDeathPayloadBytes() throws Exception {
        bdSeq = (bdSeq + 1) % 256;
        SparkplugBPayload payload = new SparkplugBPayloadBuilder().setTimestamp(new Date())
                .addMetric(metric("bdSeq", MetricDataType.Int64, bdSeq).createMetric()).createPayload();
        return new SparkplugBPayloadEncoder().getBytes(payload, false);
    }

    @Override
    public void publishBirthSequence() {
        try {
            SparkplugBPayloadMap birth = new SparkplugBPayloadMapBuilder().setTimestamp(new Date())
                    .addMetrics(nodeMetrics()).createPayload();
            client.publishNodeBirth(birth);
            if (!lost) {
                deviceBirth();
            }
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    private List<Metric> nodeMetrics() throws Exception {
        List<Metric> metrics = new ArrayList<>();
        metrics.add(metric("bdSeq", MetricDataType.Int64, bdSeq).createMetric());
        metrics.add(metric(REBIRTH, MetricDataType.Boolean, false).createMetric());
        metrics.add(metric("Setpoint", MetricDataType.Int32, setpoint).createMetric());
        metrics.add(metric("Lose device", MetricDataType.Boolean, lost).createMetric());
        metrics.add(metric("Tank", MetricDataType.Double, 1.5)
                .properties(new PropertySetBuilder()
                        .addProperty("Quality", new PropertyValue<>(PropertyDataType.Int32, 192)).createPropertySet())
                .createMetric());
        metrics.add(metric("Recipe", MetricDataType.DataSet, new DataSetBuilder(2)
                .addColumnName("step").addColumnName("litres")
                .addType(DataSetDataType.String).addType(DataSetDataType.Int32)
                .addRow(new RowBuilder().addValue(new Value<>(DataSetDataType.String, "fill"))
                        .addValue(new Value<>(DataSetDataType.Int32, 3)).createRow())
                .createDataSet()).createMetric());
        metrics.add(metric("Point", MetricDataType.Template, template(true)).createMetric());
        metrics.add(metric("Arm", MetricDataType.Template, template(false)).createMetric());
        return metrics;
    }

    private static Object template(boolean definition) throws Exception {
        TemplateBuilder builder = new TemplateBuilder().version("1").definition(definition)
                .addMetric(metric("x", MetricDataType.Double, 0.5).createMetric())
                .addMetric(metric("y", MetricDataType.Double, 0.5).createMetric())
                .addParameter(new Parameter("unit", ParameterDataType.String, "m"));
        return (definition ? builder : builder.templateRef("Point")).createTemplate();
    }

    private void deviceBirth() throws Exception {
        client.publishDeviceBirth(DEVICE, new SparkplugBPayloadMapBuilder().setTimestamp(new Date())
                .addMetric(metric("Opening", MetricDataType.Int32, opening).createMetric()).createPayload());
    }

    @Override
    public boolean hasMetric(SparkplugDescriptor descriptor, String name) {
        return true;
    }

    @Override
    public void messageArrived(
            MqttServerName server, MqttServerUrl url, MqttClientId id, String text, MqttMessage message) {
        try {
            String[] topic = text.split("/");
            if (topic[1].equals("STATE")) {
                client.handleStateMessage(topic[2], new com.fasterxml.jackson.databind.ObjectMapper()
                        .readValue(message.getPayload(), StatePayload.class));
                return;
            }
            if (!topic[2].endsWith("CMD")) {
                return;
            }
            SparkplugBPayload payload = new SparkplugBPayloadDecoder().buildFromByteArray(message.getPayload(), null);
            for (Metric metric : payload.getMetrics()) {
                write(metric.getName(), metric.getValue());
            }
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    private void write(String name, Object value) throws Exception {
        SparkplugBPayloadMapBuilder builder = new SparkplugBPayloadMapBuilder().setTimestamp(new Date());
        switch (name) {
            case REBIRTH -> client.handleRebirthRequest(true);
            case "Setpoint" -> {
                setpoint = (Integer) value;
                client.publishNodeData(builder.addMetric(metric(name, MetricDataType.Int32, value).createMetric())
                        .createPayload());
            }
            case "Opening" -> {
                opening = (Integer) value;
                client.publishDeviceData(DEVICE, builder.addMetric(metric(name, MetricDataType.Int32, value)
                        .createMetric()).createPayload());
            }
            case "Lose device" -> {
                lost = (Boolean) value;
                if (lost) {
                    client.publishDeviceDeath(DEVICE);
                } else {
                    deviceBirth();
                }
                client.publishNodeData(builder.addMetric(metric(name, MetricDataType.Boolean, value).createMetric())
                        .createPayload());
            }
            default -> { }
        }
    }

    @Override
    public void shutdown() {}

    @Override
    public void connectionLost(MqttServerName server, MqttServerUrl url, MqttClientId id, Throwable cause) {}

    @Override
    public void connectComplete(boolean again, MqttServerName server, MqttServerUrl url, MqttClientId id) {}
}
