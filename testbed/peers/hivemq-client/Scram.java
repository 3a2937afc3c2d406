import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. */
final class Scram {
    static final String NAME = "SCRAM-SHA-256";
    /** Keeps a server from making us compute for ever. */
    private static final int MOST_ITERATIONS = 100_000;

    private final String user;
    private final char[] password;
    /** The first message without its head, and the signature by which the server proves itself. */
    private String bare;
    private byte[] wanted;
    private boolean proved;

    Scram(String user, String password) {
        this.user = user == null ? "" : user;
        this.password = (password == null ? "" : password).toCharArray();
    }

    /** The first message; the one given, if there is one. */
    byte[] first(byte[] given) {
        wanted = null;
        proved = false;
        String[] parts = text(given).split(",", 3);
        if (parts.length == 3) {
            bare = parts[2];
            return given;
        }
        byte[] nonce = new byte[18];
        new SecureRandom().nextBytes(nonce);
        bare = "n=" + user.replace("=", "=3D").replace(",", "=2C") + ",r=" + Base64.getEncoder().encodeToString(nonce);
        return bytes("n,," + bare);
    }

    /** Our proof for the server's challenge, nothing for its last message; null if what came is no use. */
    byte[] next(byte[] came) {
        if (wanted != null) {
            return done(came) ? new byte[0] : null;
        }
        String challenge = text(came), nonce = field(challenge, "r");
        try {
            int iterations = Integer.parseInt(field(challenge, "i"));
            if (iterations < 1 || iterations > MOST_ITERATIONS || !nonce.startsWith(field(bare, "r"))) {
                return null;
            }
            byte[] salt = Base64.getDecoder().decode(field(challenge, "s"));
            byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                .generateSecret(new PBEKeySpec(password, salt, iterations, 256)).getEncoded();
            String last = "c=biws,r=" + nonce, all = bare + "," + challenge + "," + last;
            byte[] key = mac(salted, "Client Key");
            byte[] signature = mac(MessageDigest.getInstance("SHA-256").digest(key), all);
            for (int i = 0; i < key.length; i++) {
                key[i] ^= signature[i];
            }
            wanted = mac(mac(salted, "Server Key"), all);
            return bytes(last + ",p=" + Base64.getEncoder().encodeToString(key));
        } catch (GeneralSecurityException | IllegalArgumentException error) {
            System.err.println(error);
            return null;
        }
    }

    /** Whether the server has proved that it knows the password, by now or with these data. */
    boolean done(byte[] data) {
        if (!proved && wanted != null) {
            try {
                proved = MessageDigest.isEqual(wanted, Base64.getDecoder().decode(field(text(data), "v")));
            } catch (IllegalArgumentException error) {
                System.err.println(error);
            }
        }
        return proved;
    }

    private static byte[] mac(byte[] key, String message) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(bytes(message));
    }

    /** A member of a message: `r=abc,s=QSXC,i=4096`. */
    private static String field(String message, String name) {
        for (String part : message.split(",")) {
            if (part.startsWith(name + "=")) {
                return part.substring(name.length() + 1);
            }
        }
        return "";
    }

    private static String text(byte[] data) {
        return new String(data, StandardCharsets.UTF_8);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
