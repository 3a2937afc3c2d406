import com.eclipsesource.json.JsonObject;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Trust in one authority, and our own certificate and key if there is one, from PEM files. */
record Tls(TrustManagerFactory trust, KeyManagerFactory own) {
    static Tls of(JsonObject order) throws Exception {
        JsonObject tls = Shim.object(order, "tls");
        KeyStore authorities = empty();
        int number = 0;
        for (Certificate each : certificates(tls.getString("authority", ""))) {
            authorities.setCertificateEntry("authority" + number++, each);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authorities);
        if (tls.getString("certificate", "").isEmpty()) {
            return new Tls(trust, null);
        }
        Certificate[] chain = certificates(tls.getString("certificate", "")).toArray(new Certificate[0]);
        String pem = Files.readString(Path.of(tls.getString("key", ""))).replaceAll("-----[^-]*-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance(chain[0].getPublicKey().getAlgorithm())
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        KeyStore mine = empty();
        mine.setKeyEntry("own", key, new char[0], chain);
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(mine, new char[0]);
        return new Tls(trust, own);
    }

    SSLContext context() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own == null ? null : own.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static Collection<? extends Certificate> certificates(String path) throws Exception {
        try (InputStream in = new FileInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in);
        }
    }

    private static KeyStore empty() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }
}
