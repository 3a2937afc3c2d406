import com.eclipsesource.json.JsonObject;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The life of one connection: what is told of it, and what waits for an answer that it must bring. */
final class Link {
    private enum Stage { OPENING, OPEN, OVER, SILENT }

    private final Set<CompletableFuture<Shim.Answer>> waiting = ConcurrentHashMap.newKeySet();
    private final CountDownLatch gone = new CountDownLatch(1);
    private Stage stage = Stage.OPENING;
    private JsonObject early;

    /** An answer that must come within some seconds, and while the connection lasts. */
    CompletableFuture<Shim.Answer> pending(double seconds) {
        CompletableFuture<Shim.Answer> answer = new CompletableFuture<>();
        waiting.add(answer);
        answer.whenComplete((came, error) -> waiting.remove(answer));
        return answer.orTimeout((long) (seconds * 1000), TimeUnit.MILLISECONDS);
    }

    synchronized boolean isOpen() {
        return stage == Stage.OPEN;
    }

    /** Tells the reply to connect, and after it a loss that came before. */
    synchronized void opened(JsonObject reply) {
        Shim.say(reply);
        if (stage != Stage.OPENING || !reply.getBoolean("ok", false)) {
            stage = stage == Stage.OPENING ? Stage.OVER : stage;
            return;
        }
        stage = early == null ? Stage.OPEN : Stage.OVER;
        if (early != null) {
            Shim.say(early);
        }
    }

    /** Tells an event, unless the connection was dropped. */
    synchronized void tell(JsonObject event) {
        if (stage != Stage.SILENT) {
            Shim.say(event);
        }
    }

    /** Tells once that the connection ended, unless we ended it. The library has let go of it. */
    void lost(Integer code, Object why) {
        JsonObject event = Shim.event("lost");
        if (code != null) {
            event.add("code", code);
        }
        event.add("error", String.valueOf(why));
        synchronized (this) {
            settle();
            if (stage == Stage.OVER) {
                return; // what still waits hears from left()
            }
            if (stage == Stage.OPENING) {
                early = early == null ? event : early;
                return; // the library says what became of connect
            }
            if (stage == Stage.OPEN) {
                stage = Stage.OVER;
                Shim.say(event);
            }
        }
        fail("the connection was lost");
    }

    /** We end it with DISCONNECT. */
    synchronized void leave() {
        stage = Stage.OVER;
    }

    /** The library did not take the order to end it, and has sent nothing. */
    synchronized void stay() {
        if (stage == Stage.OVER && gone.getCount() > 0) {
            stage = Stage.OPEN;
        }
    }

    /** We ended it with DISCONNECT. */
    void left() {
        settle();
        fail("the connection was ended by an order");
    }

    /** Nothing is told of it any more. */
    void silence() {
        synchronized (this) {
            stage = Stage.SILENT;
        }
        fail("the connection was dropped by a later order");
    }

    private void fail(String why) {
        waiting.forEach(answer -> answer.completeExceptionally(new Shim.Refused(why)));
    }

    /** The library has let go of the connection, and so of the session. */
    void settle() {
        gone.countDown();
    }

    void settled(long milliseconds) throws InterruptedException {
        gone.await(milliseconds, TimeUnit.MILLISECONDS);
    }
}
