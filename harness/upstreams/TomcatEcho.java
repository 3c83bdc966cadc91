// Embedded Tomcat that answers with the path its servlet sees. Prints the ports of its two connectors: the default one,
// and one that decodes %2F (`encodedSolidusHandling`). Ends when its standard input does.
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

public class TomcatEcho {
    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        Connector standard = connector(tomcat, "reject");
        Connector decoding = connector(tomcat, "decode");
        tomcat.setConnector(standard);
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "echo", new HttpServlet() {
            @Override
            protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
                String info = request.getPathInfo();
                String path = request.getServletPath() + (info == null ? "" : info);
                response.getOutputStream().write(path.getBytes(StandardCharsets.UTF_8));
            }
        });
        context.addServletMappingDecoded("/*", "echo");
        tomcat.start();
        System.out.println(standard.getLocalPort() + " " + decoding.getLocalPort());
        while (System.in.read() >= 0) { }
        System.exit(0);
    }

    private static Connector connector(Tomcat tomcat, String encodedSlash) {
        Connector connector = new Connector();
        connector.setProperty("address", "127.0.0.1");
        connector.setPort(0);
        connector.setEncodedSolidusHandling(encodedSlash);
        tomcat.getService().addConnector(connector);
        return connector;
    }
}
