// The half of a shim that is the same for every Java library: orders in, replies and events out (docs/shims.md).
//
// A library's half is a Library, which opens Connections. What it begins it gives back as a future, and what happens
// unasked it says to the Link of its connection.

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeoutException;

final class Shim {
    static final int LONGEST_LINE = 1 << 20;
    /** Seconds that an order other than connect may take. */
    static final double PATIENCE = 5;
    /** Seconds that the library may take to let go of a connection before the next one is opened. */
    static final double SETTLING = 2;

    /** A client library. */
    interface Library {
        /** A connection that is not yet open; it has the session that its client id has had since forget(). */
        Connection open(JsonObject order, Link link) throws Exception;

        /** Every session is gone. */
        void forget();
    }

    /** One connection. Futures end exceptionally when something fails, with Refused where codes came. */
    interface Connection {
        CompletableFuture<Answer> connect(JsonObject order) throws Exception;

        CompletableFuture<Answer> subscribe(JsonObject order) throws Exception;

        CompletableFuture<Answer> unsubscribe(JsonObject order) throws Exception;

        CompletableFuture<Answer> publish(JsonObject order) throws Exception;

        CompletableFuture<Answer> disconnect(JsonObject order) throws Exception;

        default CompletableFuture<Answer> authenticate(JsonObject order) throws Exception {
            throw new Refused("this library cannot authenticate again");
        }

        /** Closes without DISCONNECT, at once. */
        void drop();
    }

    /** What came. Codes, session present and properties are told where the library tells them. */
    record Answer(List<Integer> codes, Boolean sessionPresent, JsonObject properties) {
        static final Answer NOTHING = new Answer(List.of(), null, null);
    }

    /** A failure with what came all the same. */
    static final class Refused extends Exception {
        final Answer answer;

        Refused(String why) {
            this(why, Answer.NOTHING);
        }

        Refused(String why, Answer answer) {
            super(why, null, false, false);
            this.answer = answer;
        }
    }

    /** The members that an order cannot do without. */
    private static final Map<String, List<String>> OWED = Map.of("connect", List.of("host", "port", "edition"),
        "subscribe", List.of("filters"), "unsubscribe", List.of("filters"), "publish", List.of("topic"));

    // Standard output is ours alone: what a library prints must not get between the lines.
    private static final PrintStream OUT = System.out;

    private final Library library;
    private final ExecutorService threads = Executors.newCachedThreadPool(Shim::daemon);
    private Link link;
    private Connection connection;

    private Shim(Library library) {
        this.library = library;
    }

    /** Serves orders until standard input ends; the process ends with it. */
    static void serve(Library library, String name, String version, String... features) throws IOException {
        System.setOut(System.err);
        say(event("ready").add("protocol", "iot-testbed-shim/1").add("library", name).add("version", version)
            .add("editions", Json.array("mqtt-3.1.1", "mqtt-5.0")).add("features", Json.array(features)));
        Shim shim = new Shim(library);
        InputStream in = new BufferedInputStream(System.in);
        for (byte[] line; (line = line(in)) != null; ) {
            shim.take(new String(line, StandardCharsets.UTF_8));
        }
        Runtime.getRuntime().halt(0); // threads of the library must not keep the process
    }

    private static byte[] line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next; (next = in.read()) >= 0; line.write(next)) {
            if (next == '\n') {
                return line.toByteArray();
            }
            if (line.size() > LONGEST_LINE) {
                throw new IOException("an order is longer than 1 MiB");
            }
        }
        return null;
    }

    static JsonObject event(String name) {
        return Json.object().add("event", name);
    }

    static synchronized void say(JsonObject what) {
        OUT.writeBytes((what + "\n").getBytes(StandardCharsets.UTF_8));
        OUT.flush();
    }

    /** Begins an order. Those that the library begins without blocking begin in the order in which they were said. */
    private void take(String line) {
        int id = 0;
        try {
            JsonObject order = Json.parse(line).asObject();
            id = order.getInt("id", 0);
            for (String name : OWED.getOrDefault(order.getString("op", ""), List.of())) {
                if (order.get(name) == null) {
                    throw new Refused("lacks " + name);
                }
            }
            begin(id, order, order.getString("op", ""));
        } catch (Exception | StackOverflowError error) {
            say(reply(id, null, error));
        }
    }

    private void begin(int id, JsonObject order, String op) throws Exception {
        switch (op) {
            case "connect" -> connect(id, order);
            case "reset" -> {
                drop();
                link = null;
                library.forget();
                say(reply(id, Answer.NOTHING, null));
            }
            case "subscribe" -> answered(id, there().subscribe(order));
            case "unsubscribe" -> answered(id, there().unsubscribe(order));
            case "publish" -> answered(id, there().publish(order));
            case "authenticate" -> answered(id, there().authenticate(order));
            case "disconnect" -> disconnect(id, order);
            default -> throw new Refused("no order is called '" + op + "'");
        }
    }

    private Connection there() throws Refused {
        if (connection == null || !link.isOpen()) {
            throw new Refused("not connected");
        }
        return connection;
    }

    private void connect(int id, JsonObject order) throws Exception {
        double timeout = order.getDouble("timeout", 10);
        Link before = link;
        drop();
        Link mine = new Link();
        Connection next = library.open(order, mine);
        link = mine;
        connection = next;
        CompletableFuture<Answer> done = mine.pending(timeout);
        done.whenComplete((answer, error) -> {
            if (error != null) {
                next.drop();
            }
            mine.opened(reply(id, answer, error));
        });
        threads.execute(() -> {
            try {
                if (before != null) {
                    before.settled((long) (SETTLING * 1000));
                }
                if (!done.isDone()) {
                    pass(next.connect(order), done);
                }
            } catch (Exception error) {
                done.completeExceptionally(error);
                mine.settle();
            }
        });
    }

    private void disconnect(int id, JsonObject order) throws Exception {
        Connection now = there();
        Link mine = link;
        mine.leave();
        CompletableFuture<Answer> done = mine.pending(PATIENCE);
        done.whenComplete((answer, error) -> {
            say(reply(id, answer, error));
            if (!mine.isOpen()) {
                mine.left();
            }
        });
        threads.execute(() -> {
            try {
                pass(now.disconnect(order), done);
            } catch (Exception error) {
                mine.stay();
                done.completeExceptionally(error);
            }
        });
    }

    private void drop() {
        if (connection != null) {
            link.silence();
            connection.drop();
        }
        connection = null;
    }

    private void answered(int id, CompletableFuture<Answer> begun) {
        CompletableFuture<Answer> done = link.pending(PATIENCE);
        done.whenComplete((answer, error) -> say(reply(id, answer, error)));
        pass(begun, done);
    }

    private static void pass(CompletableFuture<Answer> from, CompletableFuture<Answer> to) {
        from.whenComplete((answer, error) -> {
            if (error == null) {
                to.complete(answer);
            } else {
                to.completeExceptionally(error);
            }
        });
    }

    private static JsonObject reply(int id, Answer answer, Throwable failure) {
        Throwable error = failure;
        while ((error instanceof CompletionException || error instanceof ExecutionException) && error.getCause() != null) {
            error = error.getCause();
        }
        Answer came = error instanceof Refused ? ((Refused) error).answer : error == null ? answer : Answer.NOTHING;
        boolean refused = came.codes().stream().anyMatch(code -> code >= 0x80);
        JsonObject reply = Json.object().add("id", id).add("ok", error == null && !refused);
        if (!came.codes().isEmpty()) {
            JsonArray codes = new JsonArray();
            came.codes().forEach(codes::add);
            reply.add("codes", codes);
        }
        if (came.sessionPresent() != null) {
            reply.add("session_present", came.sessionPresent());
        }
        if (came.properties() != null && !came.properties().isEmpty()) {
            reply.add("properties", came.properties());
        }
        if (error instanceof TimeoutException) {
            reply.add("error", "no answer in time");
        } else if (error != null) {
            reply.add("error", error instanceof Refused ? error.getMessage() : error.toString());
        }
        return reply;
    }

    static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    static byte[] bytes(JsonObject from, String member) {
        return HexFormat.of().parseHex(from.getString(member, ""));
    }

    /** The authentication data with which one AUTH after the other is answered. */
    static List<byte[]> answers(JsonObject order) {
        JsonValue answers = order.get("answers");
        return answers == null ? List.of()
            : answers.asArray().values().stream().map(each -> HexFormat.of().parseHex(each.asString())).toList();
    }

    static JsonObject object(JsonObject from, String member) {
        JsonValue value = from.get(member);
        return value == null || value.isNull() ? Json.object() : value.asObject();
    }

    /** A member that may be absent or null. */
    static String text(JsonObject from, String member) {
        JsonValue value = from.get(member);
        return value == null || value.isNull() ? null : value.asString();
    }

    static String hex(byte[] data) {
        return HexFormat.of().formatHex(data);
    }

    static JsonObject message(String topic, byte[] payload, int qos, boolean retain) {
        return event("message").add("topic", topic).add("payload", hex(payload)).add("qos", qos).add("retain", retain);
    }
}
