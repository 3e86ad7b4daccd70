import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionAbortableException;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own transactional producer, told line by line what to do: init, begin, send VALUE, commit.
 *
 * Prints for each line `ok`, or `fatal`, `abortable` or `other` and the error's name. Arguments: the bootstrap servers,
 * the topic, the transactional id.
 */
public class FencingPeer {
    public static void main(String[] arguments) throws Exception {
        String topic = arguments[1];
        KafkaProducer<String, String> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", arguments[0], "transactional.id", arguments[2], "max.block.ms", 20000),
            new StringSerializer(), new StringSerializer());
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null;) {
            String[] words = line.split(" ");
            try {
                switch (words[0]) {
                    case "init" -> producer.initTransactions();
                    case "begin" -> producer.beginTransaction();
                    case "send" -> producer.send(new ProducerRecord<>(topic, 0, null, words[1])).get();
                    case "commit" -> producer.commitTransaction();
                    default -> throw new IllegalArgumentException(line);
                }
                System.out.println("ok");
            } catch (Exception thrown) {
                Throwable error = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
                boolean fatal = error instanceof ProducerFencedException || error instanceof InvalidProducerEpochException;
                String kind = fatal ? "fatal" : error instanceof TransactionAbortableException ? "abortable" : "other";
                System.out.println(kind + " " + error.getClass().getSimpleName());
            }
        }
        // What is left open is left to its time-out, as by a process that dies.
        Runtime.getRuntime().halt(0);
    }
}
