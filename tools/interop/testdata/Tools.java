import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.*;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's tools by their main classes, one after another, in one JVM. Each line of standard input is a job,
 * {"class", "args", "stdin", "timeoutMs"}; each line of standard output is what it did, {"rc", "out", "err"}.
 */
public class Tools {
    static final class Stopped extends Error {
        final int code;
        Stopped(int code) { super("exit " + code, null, false, false); this.code = code; }
    }

    /** A stream whose target changes with each job; what a job's leftover threads write later goes nowhere. */
    static final class Redirect extends OutputStream {
        volatile OutputStream to = OutputStream.nullOutputStream();
        @Override public void write(int b) throws IOException { to.write(b); }
        @Override public void write(byte[] b, int off, int len) throws IOException { to.write(b, off, len); }
    }

    static final ObjectMapper JSON = new ObjectMapper();
    static volatile Integer exit;
    static final List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Redirect out = new Redirect(), err = new Redirect();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        Exit.Procedure stop = (code, message) -> {
            if (exit == null) exit = code;
            hush(out, err);
            throw new Stopped(code);
        };
        Exit.setExitProcedure(stop);
        Exit.setHaltProcedure(stop);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String line; (line = jobs.readLine()) != null; ) {
            ByteArrayOutputStream o = new ByteArrayOutputStream(), e = new ByteArrayOutputStream();
            out.to = o;
            err.to = e;
            int rc = run(JSON.readTree(line));
            hush(out, err);
            ObjectNode answer = JSON.createObjectNode();
            answer.put("rc", rc).put("out", o.toString(StandardCharsets.UTF_8)).put("err", e.toString(StandardCharsets.UTF_8));
            answers.println(JSON.writeValueAsString(answer));
            answers.flush();
        }
    }

    static int run(JsonNode job) throws Exception {
        exit = null;
        hooks.clear();
        System.setIn(new ByteArrayInputStream(job.path("stdin").asText("").getBytes(StandardCharsets.UTF_8)));
        List<String> args = new ArrayList<>();
        job.path("args").forEach(a -> args.add(a.asText()));
        Thread tool = new Thread(() -> call(job.path("class").asText(), args.toArray(new String[0])), "tool");
        tool.setDaemon(true);
        tool.start();
        tool.join(job.path("timeoutMs").asLong(60000));
        boolean hangs = tool.isAlive();
        for (Runnable hook : new ArrayList<>(hooks)) { // as the end of the process, or SIGTERM, would
            Thread t = new Thread(hook);
            t.setDaemon(true);
            t.start();
            t.join(5000);
        }
        if (!hangs) return exit == null ? 0 : exit;
        tool.join(2000);
        tool.interrupt();
        return 143;
    }

    /** Ends a job's output: what its threads still say goes nowhere, as after the end of a process. */
    static void hush(Redirect out, Redirect err) {
        System.out.flush();
        System.err.flush();
        out.to = err.to = OutputStream.nullOutputStream();
    }

    static void call(String name, String[] args) {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException x) {
            Throwable cause = x.getTargetException();
            if (cause instanceof Stopped) return;
            if (exit == null) exit = 1;
            System.err.println("Exception in thread \"main\" " + cause);
        } catch (ReflectiveOperationException x) {
            exit = 1;
            System.err.println(x);
        }
    }
}
