import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * How fast Kafka Streams goes through a topic that has been filled, exactly once (exactly_once_v2):
 * "identity" copies it, "count" counts by key, with a changelog, and writes the counts.
 *
 * <p>It is timed from the first offsets that are committed until those of all records are, as anybody
 * sees who asks the broker, so that neither the start of the Java machine nor the group's first
 * rebalance counts. It prints figures in lines of name, tab, value.
 *
 * <p>Arguments: bootstrap servers, the broker's process id, topology, topic, state folder, threads, and
 * bytes of the record cache, or "default". With a cache, only the last count of a key in a transaction is
 * written.
 */
public class Throughput {
    private static final Duration PATIENCE = Duration.ofMinutes(15);
    private static final long LOOK_EVERY_MS = 20;
    private static final double MICROS_A_TICK = 10_000; // USER_HZ is 100

    private final Admin admin;
    private final String broker;
    private final String topology;
    private final String input;
    private final String application;

    Throughput(Admin admin, String[] args) {
        this.admin = admin;
        this.broker = args[1];
        this.topology = args[2];
        this.input = args[3];
        this.application = "streams-" + topology + "-" + Long.toHexString(System.nanoTime());
    }

    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            Throughput test = new Throughput(admin, args);
            test.createOutput();
            KafkaStreams streams = new KafkaStreams(test.build(), test.properties(args));
            // Without a word a thread that died would leave the others to it.
            streams.setUncaughtExceptionHandler(e -> {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
                return null;
            });
            streams.start();
            test.measure();
            streams.close(Duration.ofSeconds(30));
            test.removeOutput();
        }
    }

    Properties properties(String[] args) {
        Properties props = new Properties();
        props.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        props.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        props.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        props.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        props.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[5]);
        if (!args[6].equals("default")) {
            props.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, args[6]);
        }
        props.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        props.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        props.put("auto.offset.reset", "earliest");
        return props;
    }

    Topology build() {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], byte[]> records = builder.stream(input);
        switch (topology) {
            case "identity" -> records.to(output());
            case "count" -> records.groupByKey()
                    .count(Materialized.<byte[], Long, org.apache.kafka.streams.state.KeyValueStore<Bytes, byte[]>>as("counts"))
                    .toStream()
                    .to(output(), Produced.with(Serdes.ByteArray(), Serdes.Long()));
            default -> throw new IllegalArgumentException("no topology " + topology + ": want identity or count");
        }
        return builder.build();
    }

    String output() {
        return application + "-out";
    }

    void createOutput() throws ExecutionException, InterruptedException {
        int partitions = admin.describeTopics(List.of(input)).allTopicNames().get().get(input).partitions().size();
        admin.createTopics(List.of(new NewTopic(output(), partitions, (short) 1))).all().get();
    }

    /** Leaves the disk as it was, for what is measured next. */
    void removeOutput() throws ExecutionException, InterruptedException {
        List<String> own = admin.listTopics().names().get().stream().filter(t -> t.startsWith(application)).toList();
        admin.deleteTopics(own).all().get();
    }

    /** What has been used and done at a moment. */
    record Moment(long nanos, long records, double own, double broker) {}

    void measure() throws Exception {
        long all = end();
        Moment first = await(1);
        Moment last = await(all);
        double records = last.records - first.records;
        double seconds = (last.nanos - first.nanos) / 1e9;
        print("records/s", records / seconds);
        print("CPU of the process, µs a record", (last.own - first.own) / records);
        print("CPU with the broker, µs a record", (last.own - first.own + last.broker - first.broker) / records);
        print("peak memory of the process, MiB", peak("self"));
        print("peak memory with the broker, MiB", peak("self") + peak(broker));
    }

    static void print(String name, double value) {
        System.out.printf(Locale.ROOT, "%s\t%.4g%n", name, value);
    }

    /** Waits until so many records have been gone through for good. */
    Moment await(long records) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            long committed = committed();
            if (committed >= records) {
                return new Moment(System.nanoTime(), committed, cpu("self"), cpu(broker));
            }
            Thread.sleep(LOOK_EVERY_MS);
        }
        throw new AssertionError("not " + records + " records after " + PATIENCE + ", but " + committed());
    }

    long committed() throws ExecutionException, InterruptedException {
        return admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get().entrySet().stream()
                .filter(e -> e.getValue() != null && e.getKey().topic().equals(input))
                .map(Map.Entry::getValue)
                .mapToLong(OffsetAndMetadata::offset)
                .sum();
    }

    long end() throws ExecutionException, InterruptedException {
        int partitions = admin.describeTopics(List.of(input)).allTopicNames().get().get(input).partitions().size();
        Map<TopicPartition, OffsetSpec> ask = java.util.stream.IntStream.range(0, partitions).boxed()
                .collect(Collectors.toMap(p -> new TopicPartition(input, p), p -> OffsetSpec.latest()));
        return admin.listOffsets(ask).all().get().values().stream().mapToLong(ListOffsetsResultInfo::offset).sum();
    }

    /** The processor's time that a process has used, in µs: fields 14 and 15 of proc_pid_stat(5). */
    static double cpu(String pid) throws IOException {
        String stat = Files.readString(Path.of("/proc", pid, "stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * MICROS_A_TICK;
    }

    /** The most memory that a process had resident, in MiB. */
    static double peak(String pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", pid, "status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        throw new IOException("process " + pid + " has no VmHWM");
    }
}
