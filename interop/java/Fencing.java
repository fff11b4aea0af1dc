import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Two producers with one transactional id, one after the other: the second aborts what the first
 * left open, and the first, which is still there, is fenced whatever it tries next.
 *
 * <p>Arguments: bootstrap servers, topic.
 */
public class Fencing {
    private final String servers;
    private final TopicPartition partition;

    Fencing(String servers, String topic) {
        this.servers = servers;
        this.partition = new TopicPartition(topic, 0);
    }

    public static void main(String[] args) throws Exception {
        Fencing test = new Fencing(args[0], args[1]);
        test.createTopic();
        test.commitIsFenced();
        test.sendIsFenced();
        test.check("read_committed", List.of("second of commit", "second of send"));
        test.check("read_uncommitted",
                List.of("first of commit", "second of commit", "first of send", "second of send"));
        System.out.println("fenced");
    }

    void createTopic() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            admin.createTopics(List.of(new NewTopic(partition.topic(), 1, (short) 1))).all().get();
        }
    }

    /** The first producer comes back to commit what the second has aborted. */
    void commitIsFenced() throws Exception {
        try (KafkaProducer<String, String> first = producer("commit");
                KafkaProducer<String, String> second = producer("commit")) {
            takeOver("commit", first, second);
            expectFenced("commitTransaction", first::commitTransaction);
            expectFenced("beginTransaction after it", first::beginTransaction);
        }
    }

    /** The first producer comes back to send more into what it takes for its transaction. */
    void sendIsFenced() throws Exception {
        try (KafkaProducer<String, String> first = producer("send");
                KafkaProducer<String, String> second = producer("send")) {
            takeOver("send", first, second);
            try {
                first.send(new ProducerRecord<>(partition.topic(), "zombie")).get();
                throw new AssertionError("a fenced producer could send");
            } catch (ExecutionException e) {
                // Kafka leaves it to the next request to the coordinator to say that it is for good.
                if (!(e.getCause() instanceof InvalidProducerEpochException)) {
                    throw e;
                }
            }
            expectFenced("abortTransaction", first::abortTransaction);
        }
    }

    /** The first leaves a transaction open that has reached the log, the second commits one. */
    void takeOver(String name, KafkaProducer<String, String> first, KafkaProducer<String, String> second)
            throws Exception {
        first.initTransactions();
        first.beginTransaction();
        first.send(new ProducerRecord<>(partition.topic(), "first of " + name)).get();
        second.initTransactions();
        second.beginTransaction();
        second.send(new ProducerRecord<>(partition.topic(), "second of " + name));
        second.commitTransaction();
    }

    static void expectFenced(String what, Runnable call) {
        try {
            call.run();
        } catch (KafkaException e) {
            if (e instanceof ProducerFencedException || e.getCause() instanceof ProducerFencedException) {
                return;
            }
            throw e;
        }
        throw new AssertionError(what + " of a fenced producer succeeded");
    }

    KafkaProducer<String, String> producer(String name) {
        return new KafkaProducer<>(
                Map.of("bootstrap.servers", servers, "transactional.id", partition.topic() + "-" + name),
                new StringSerializer(), new StringSerializer());
    }

    /** Reads all that there is at this isolation level. */
    void check(String isolation, List<String> expected) {
        List<String> got = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(Map.of("bootstrap.servers", servers, "isolation.level", isolation),
                        new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            long deadline = System.nanoTime() + Duration.ofSeconds(120).toNanos();
            while (consumer.position(partition) < end && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> got.add(record.value()));
            }
        }
        if (!got.equals(expected)) {
            throw new AssertionError(isolation + " shows " + got + ", expected " + expected);
        }
    }
}
