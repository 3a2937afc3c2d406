import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.SocketFactory;
import javax.net.ssl.SSLSocketFactory;

/** Remembers the sockets that the library opens: closing them is the only way to end a connection without DISCONNECT. */
final class Sockets {
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private boolean closed;

    private synchronized Socket kept(Socket socket) throws IOException {
        if (closed) {
            socket.close();
        }
        open.add(socket);
        return socket;
    }

    synchronized void close() {
        closed = true;
        for (Socket socket : open) {
            try {
                socket.close();
            } catch (IOException error) {
                System.err.println(error);
            }
        }
    }

    SocketFactory plain() {
        return new SocketFactory() {
            @Override
            public Socket createSocket() throws IOException {
                return kept(new Socket());
            }

            @Override
            public Socket createSocket(String host, int port) throws IOException {
                return kept(new Socket(host, port));
            }

            @Override
            public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
                return kept(new Socket(host, port, from, fromPort));
            }

            @Override
            public Socket createSocket(InetAddress host, int port) throws IOException {
                return kept(new Socket(host, port));
            }

            @Override
            public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) throws IOException {
                return kept(new Socket(host, port, from, fromPort));
            }
        };
    }

    SSLSocketFactory secure(SSLSocketFactory of) {
        return new SSLSocketFactory() {
            @Override
            public String[] getDefaultCipherSuites() {
                return of.getDefaultCipherSuites();
            }

            @Override
            public String[] getSupportedCipherSuites() {
                return of.getSupportedCipherSuites();
            }

            @Override
            public Socket createSocket() throws IOException {
                return kept(of.createSocket());
            }

            @Override
            public Socket createSocket(Socket over, String host, int port, boolean autoClose) throws IOException {
                return kept(of.createSocket(over, host, port, autoClose));
            }

            @Override
            public Socket createSocket(String host, int port) throws IOException {
                return kept(of.createSocket(host, port));
            }

            @Override
            public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
                return kept(of.createSocket(host, port, from, fromPort));
            }

            @Override
            public Socket createSocket(InetAddress host, int port) throws IOException {
                return kept(of.createSocket(host, port));
            }

            @Override
            public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) throws IOException {
                return kept(of.createSocket(host, port, from, fromPort));
            }
        };
    }
}
