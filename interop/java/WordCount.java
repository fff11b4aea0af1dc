import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams' word count, stopped and started again half way on an emptied state folder, so that
 * its counts come back from the changelog topic.
 *
 * <p>Streams does not leave its group when it is closed: the second start gets no partition before
 * the session of the first has ended.
 *
 * <p>Arguments: bootstrap servers, processing guarantee, state folder.
 */
public class WordCount {
    private static final int LINES = 300;
    private static final Duration SESSION = Duration.ofSeconds(10);
    private static final Duration PATIENCE = Duration.ofSeconds(180);
    private static final String[] WORDS = {"log", "order", "offset", "topic", "record", "segment", "group"};

    private final String servers;
    private final String guarantee;
    private final String lines;
    private final String counts;

    WordCount(String servers, String guarantee) {
        this.servers = servers;
        this.guarantee = guarantee;
        this.lines = "lines-" + guarantee;
        this.counts = "counts-" + guarantee;
    }

    public static void main(String[] args) throws Exception {
        WordCount test = new WordCount(args[0], args[1]);
        test.createTopics();
        Map<String, Long> expected = new TreeMap<>();
        for (int run = 0; run < 2; run++) {
            test.produce(run, expected);
            try (KafkaStreams streams = test.start(args[2] + "/" + run)) {
                test.await(expected, streams);
            }
        }
        System.out.println("counted " + expected);
    }

    void createTopics() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            admin.createTopics(List.of(new NewTopic(lines, 3, (short) 1), new NewTopic(counts, 3, (short) 1)))
                    .all().get();
        }
    }

    void produce(int run, Map<String, Long> expected) {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", servers), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < LINES; i++) {
                String first = WORDS[i % WORDS.length];
                String second = WORDS[(i * 3 + run) % WORDS.length];
                producer.send(new ProducerRecord<>(lines, "key-" + i, first + " " + second));
                expected.merge(first, 1L, Long::sum);
                expected.merge(second, 1L, Long::sum);
            }
        }
    }

    KafkaStreams start(String folder) {
        Properties props = new Properties();
        props.put(StreamsConfig.APPLICATION_ID_CONFIG, "word-count-" + guarantee);
        props.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
        props.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        props.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        props.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        props.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        props.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        props.put("auto.offset.reset", "earliest");
        props.put("session.timeout.ms", (int) SESSION.toMillis());
        KafkaStreams streams = new KafkaStreams(topology(), props);
        streams.start();
        return streams;
    }

    Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        KeyValueMapper<String, String, String> byWord = (key, word) -> word;
        builder.<String, String>stream(lines)
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy(byWord)
                .count()
                .toStream()
                .to(counts, Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    /** Reads the counts from the start until the last of each word is the expected one. */
    void await(Map<String, Long> expected, KafkaStreams streams) {
        Map<String, Object> props = Map.of("bootstrap.servers", servers, "group.id", "reader-" + System.nanoTime(),
                "auto.offset.reset", "earliest", "isolation.level", "read_committed");
        Map<String, Long> last = new TreeMap<>();
        long read = 0;
        try (KafkaConsumer<String, Long> consumer =
                new KafkaConsumer<>(props, new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(List.of(counts));
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!reached(last, expected)) {
                if (System.nanoTime() > deadline) {
                    throw new AssertionError("counted " + last + " in " + read + " records, expected " + expected
                            + "; the application is " + streams.state());
                }
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
                    last.put(record.key(), record.value());
                    read++;
                }
            }
        }
    }

    /** An application that was held up may count lines again, unless it counts each exactly once. */
    boolean reached(Map<String, Long> last, Map<String, Long> expected) {
        if (guarantee.equals(StreamsConfig.EXACTLY_ONCE_V2)) {
            return last.equals(expected);
        }
        return last.keySet().equals(expected.keySet())
                && last.entrySet().stream().allMatch(count -> count.getValue() >= expected.get(count.getKey()));
    }
}
