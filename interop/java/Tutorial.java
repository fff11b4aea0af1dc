import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * What a first Kafka tutorial has one write: a producer sends OrderPlaced events as JSON, keyed by
 * customer, and a consumer in a group takes the payment for each. No setting is there for evident's
 * sake.
 *
 * <p>Arguments: bootstrap servers, topic.
 */
public class Tutorial {
    private static final int ORDERS = 10;

    public static void main(String[] args) throws Exception {
        placeOrders(args[0], args[1]);
        List<String> paid = takePayments(args[0], args[1]);
        for (int id = 0; id < ORDERS; id++) {
            if (!paid.contains("order-" + id)) {
                throw new AssertionError("order-" + id + " was placed and not paid: " + paid);
            }
        }
        System.out.println("paid " + paid.size() + " orders");
    }

    static void placeOrders(String servers, String topic) throws Exception {
        Properties props = new Properties();
        props.put("bootstrap.servers", servers);
        props.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        props.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(props)) {
            for (int id = 0; id < ORDERS; id++) {
                String customer = "customer-" + id % 3;
                String event = """
                        {"type":"OrderPlaced","orderId":"order-%d","customer":"%s","total":%d.90}"""
                        .formatted(id, customer, id);
                RecordMetadata at = producer.send(new ProducerRecord<>(topic, customer, event)).get();
                System.out.println("placed " + event + " at " + at);
            }
        }
    }

    static List<String> takePayments(String servers, String topic) {
        Properties props = new Properties();
        props.put("bootstrap.servers", servers);
        props.put("group.id", "payment");
        props.put("auto.offset.reset", "earliest");
        props.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        props.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        List<String> paid = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(props)) {
            consumer.subscribe(List.of(topic));
            long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            while (paid.size() < ORDERS && System.nanoTime() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    String id = record.value().replaceAll(".*\"orderId\":\"([^\"]*)\".*", "$1");
                    System.out.println("take payment of " + record.key() + " for " + id);
                    paid.add(id);
                }
            }
        }
        return paid;
    }
}
