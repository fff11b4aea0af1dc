import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A consumer group of KIP-848: members come and go while records are produced, and because each
 * commits what it has read before it gives a partition away, every record is read exactly once.
 *
 * <p>Arguments: bootstrap servers, topic.
 */
public class Members {
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final int PARTITIONS = 4;

    private final String servers;
    private final String topic;
    private final List<String> read = new ArrayList<>();
    private int produced;

    Members(String servers, String topic) {
        this.servers = servers;
        this.topic = topic;
    }

    public static void main(String[] args) throws Exception {
        Members test = new Members(args[0], args[1]);
        test.createTopic();
        test.run();
        System.out.println("read " + test.read.size() + " records once each");
    }

    void createTopic() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
        }
    }

    void run() {
        Member one = new Member(null);
        produce();
        until("the first member reads all partitions", () -> one.has(PARTITIONS) && allRead(), one);

        Member two = new Member(null);
        until("the second member gets half of them", () -> one.has(2) && two.has(2), one, two);
        produce();
        until("both read", this::allRead, one, two);

        one.close();
        until("the second member has all of them", () -> two.has(PARTITIONS), two);
        produce();
        until("it reads on", this::allRead, two);
        two.close();

        Member three = new Member("range");
        produce();
        until("a third goes on where they stopped", () -> three.has(PARTITIONS) && allRead(), three);
        three.close();
    }

    /** Appends 100 records to each partition. */
    void produce() {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", servers), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < 100 * PARTITIONS; i++) {
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, Integer.toString(produced++)));
            }
        }
    }

    boolean allRead() {
        Set<String> distinct = new TreeSet<>(read);
        if (distinct.size() < read.size()) {
            throw new AssertionError(read.size() - distinct.size() + " records were read twice");
        }
        return read.size() == produced;
    }

    void until(String what, BooleanSupplier done, Member... members) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!done.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + PATIENCE.toSeconds() + " s: " + what + "; read "
                        + read.size() + " of " + produced + " records, assigned "
                        + List.of(members).stream().map(member -> member.consumer.assignment()).toList());
            }
            for (Member member : members) {
                member.poll();
            }
        }
    }

    /** One member, which commits what it has read at once. */
    class Member implements ConsumerRebalanceListener {
        private final KafkaConsumer<String, String> consumer;
        private final Set<TopicPartition> assigned = new HashSet<>(); // as the listener is told

        /** With the group's default assignor if it is null. */
        Member(String assignor) {
            Map<String, Object> props = new HashMap<>(Map.of("bootstrap.servers", servers,
                    "group.id", topic, "group.protocol", "consumer", "auto.offset.reset", "earliest",
                    "enable.auto.commit", false));
            if (assignor != null) {
                props.put("group.remote.assignor", assignor);
            }
            consumer = new KafkaConsumer<>(props, new StringDeserializer(), new StringDeserializer());
            consumer.subscribe(new SubscriptionPattern(topic + ".*"), this);
        }

        void poll() {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                read.add(record.value());
            }
            consumer.commitSync();
        }

        boolean has(int partitions) {
            return assigned.size() == partitions && assigned.equals(consumer.assignment());
        }

        void close() {
            consumer.close();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            assigned.addAll(partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            assigned.removeAll(partitions);
        }
    }
}
