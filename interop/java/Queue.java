import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A topic as a queue (KIP-932): members of a share group accept, release, reject and renew records,
 * and what is released comes again, counted, until its deliveries run out.
 *
 * <p>Arguments: bootstrap servers, topic.
 */
public class Queue {
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final int DELIVERIES = 5; // group.share.delivery.count.limit, its default

    private final String servers;
    private final String topic;

    Queue(String servers, String topic) {
        this.servers = servers;
        this.topic = topic;
    }

    public static void main(String[] args) throws Exception {
        Queue test = new Queue(args[0], args[1]);
        test.prepare("answers", "members", "leaves");
        test.produce(0, 30);
        test.answers();
        test.leaves();
        test.members();
        System.out.println("queued");
    }

    /** Makes the topic, and has the groups begin with its first record. */
    void prepare(String... groups) throws Exception {
        AlterConfigOp earliest = new AlterConfigOp(
                new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
        Map<ConfigResource, Collection<AlterConfigOp>> settings = new HashMap<>();
        for (String group : groups) {
            settings.put(new ConfigResource(ConfigResource.Type.GROUP, group(group)), List.of(earliest));
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            admin.incrementalAlterConfigs(settings).all().get();
        }
    }

    void produce(int from, int to) {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", servers), new StringSerializer(), new StringSerializer())) {
            for (int i = from; i < to; i++) {
                producer.send(new ProducerRecord<>(topic, Integer.toString(i)));
            }
        }
    }

    /** One member gives each answer that there is; the record's number decides which. */
    void answers() {
        Map<Integer, Integer> deliveries = new TreeMap<>();
        Map<Integer, Integer> finished = new TreeMap<>();
        try (KafkaShareConsumer<String, String> consumer = consumer("answers")) {
            until("all records are finished", () -> finished.size() == 30, () -> {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    int number = Integer.parseInt(record.value());
                    int count = deliveries.merge(number, 1, Integer::sum);
                    AcknowledgeType answer = answer(number, count);
                    same("delivery count of record " + number, count, (int) record.deliveryCount().get());
                    consumer.acknowledge(record, answer);
                    if (answer != AcknowledgeType.RELEASE || count == DELIVERIES) {
                        finished.put(number, count);
                    }
                }
                succeeded(consumer);
            });
            // What was finished must not come again; one more record shows that there was time for it.
            produce(30, 31);
            List<ConsumerRecord<String, String>> rest = some(consumer);
            rest.forEach(consumer::acknowledge);
            succeeded(consumer);
            same("what comes when all is finished", List.of(30), numbers(rest));
        }
        for (int number = 0; number < 30; number++) {
            int expected = number % 10 == 2 ? DELIVERIES : number % 10 == 1 ? 2 : 1;
            same("deliveries of record " + number, expected, finished.get(number));
        }
    }

    /** Record 2 of ten is released for ever, 1 once, 3 is rejected, the others are accepted. */
    static AcknowledgeType answer(int number, int delivery) {
        switch (number % 10) {
            case 1:
                return delivery < 2 ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT;
            case 2:
                return AcknowledgeType.RELEASE;
            case 3:
                return AcknowledgeType.REJECT;
            default:
                return AcknowledgeType.ACCEPT;
        }
    }

    /** A renewed record is given to the same member again; what it has when it leaves, to the next. */
    void leaves() {
        try (KafkaShareConsumer<String, String> first = consumer("leaves")) {
            List<ConsumerRecord<String, String>> taken = some(first);
            taken.forEach(record -> first.acknowledge(record, AcknowledgeType.RENEW));
            succeeded(first);
            List<ConsumerRecord<String, String>> renewed = some(first);
            same("renewed records", numbers(taken), numbers(renewed));
            same("delivery count of a renewed record", 1, (int) renewed.get(0).deliveryCount().get());
            first.acknowledge(renewed.get(0));
            succeeded(first);
        }
        Set<Integer> got = new TreeSet<>();
        try (KafkaShareConsumer<String, String> second = consumer("leaves")) {
            until("the rest comes", () -> got.contains(30), () -> {
                List<ConsumerRecord<String, String>> records = some(second);
                records.forEach(second::acknowledge);
                got.addAll(numbers(records));
                succeeded(second);
            });
        }
        same("records but for the one that was accepted", IntStream.rangeClosed(1, 30).boxed().toList(),
                new ArrayList<>(got));
    }

    /** Polls until records come. */
    static List<ConsumerRecord<String, String>> some(KafkaShareConsumer<String, String> consumer) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until("records come", () -> !records.isEmpty(),
                () -> consumer.poll(Duration.ofMillis(200)).forEach(records::add));
        return records;
    }

    static List<Integer> numbers(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(record -> Integer.parseInt(record.value())).toList();
    }

    /** Two members share the one partition, and no record is given to both. */
    void members() {
        Map<String, Integer> seen = new TreeMap<>();
        int[] share = new int[2];
        try (KafkaShareConsumer<String, String> one = consumer("members");
                KafkaShareConsumer<String, String> two = consumer("members")) {
            List<KafkaShareConsumer<String, String>> both = List.of(one, two);
            until("all records come, to both", () -> seen.size() == 31, () -> {
                for (int i = 0; i < 2; i++) {
                    for (ConsumerRecord<String, String> record : both.get(i).poll(Duration.ofMillis(200))) {
                        seen.merge(record.value(), 1, Integer::sum);
                        share[i]++;
                        both.get(i).acknowledge(record);
                    }
                    succeeded(both.get(i));
                }
            });
        }
        same("records that members were given", 31, share[0] + share[1]);
    }

    KafkaShareConsumer<String, String> consumer(String group) {
        KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(
                Map.of("bootstrap.servers", servers, "group.id", group(group),
                        "share.acknowledgement.mode", "explicit", "max.poll.records", 5),
                new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    String group(String name) {
        return topic + "-" + name;
    }

    static void succeeded(KafkaShareConsumer<String, String> consumer) {
        consumer.commitSync().forEach((partition, error) -> error.ifPresent(e -> {
            throw new AssertionError("acknowledging records of " + partition + ": " + e, e);
        }));
    }

    static void until(String what, BooleanSupplier done, Runnable step) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!done.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + PATIENCE.toSeconds() + " s: " + what);
            }
            step.run();
        }
    }

    static void same(String what, Object expected, Object got) {
        if (expected == null ? got != null : !expected.equals(got)) {
            throw new AssertionError(what + ": " + got + ", expected " + expected);
        }
    }
}
