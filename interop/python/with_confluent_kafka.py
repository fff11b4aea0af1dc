"""confluent-kafka (librdkafka) against the servers of the first argument."""

import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
    OFFSET_BEGINNING,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from suite import SERVERS, equal, run, unique

WAIT = 60  # seconds, for anything
ADMIN = AdminClient({"bootstrap.servers": SERVERS})


def new_topic(partitions=1, config=None):
    name = unique("confluent")
    ADMIN.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result(WAIT)
    return name


def produce(topic, values, config=None, **kwargs):
    """Produces values and returns the messages as they were acknowledged."""
    producer = Producer({"bootstrap.servers": SERVERS, **(config or {})})
    done, errors = [], []

    def delivered(error, message):
        if error:
            errors.append(error)
        else:
            done.append(message)

    for value in values:
        producer.produce(topic, value=value, on_delivery=delivered, **kwargs)
        producer.poll(0)
    producer.flush(WAIT)
    if errors:
        raise KafkaException(errors[0])
    equal(len(done), len(values), "acknowledged")
    return done


def consumer(group=None, **config):
    return Consumer(
        {
            "bootstrap.servers": SERVERS,
            "group.id": group or unique("group"),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **{k.replace("_", "."): v for k, v in config.items()},
        }
    )


def read(c, count, seconds=WAIT):
    """Polls until count messages came."""
    messages, end = [], time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < end:
        for message in c.consume(min(500, count - len(messages)), 0.2):
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
    equal(len(messages), count, "messages consumed")
    return messages


def expect_error(code, action):
    try:
        action()
    except KafkaException as e:
        equal(e.args[0].code(), code, "error")
        return
    raise AssertionError(f"no error, wanted {code}")


def case_compression():
    """each compression, produced and consumed"""
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = new_topic()
        values = [f"{codec} {i} {'x' * (i % 200)}".encode() for i in range(2000)]
        produce(topic, values, {"compression.type": codec, "linger.ms": 20})
        c = consumer()
        c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        equal([m.value() for m in read(c, len(values))], values, codec)
        c.close()


def case_record():
    """key, headers, timestamp and null value come back as they went"""
    topic, stamp = new_topic(), 1_700_000_000_123
    headers = [("trace", b"\x00\xff"), ("trace", b"again"), ("none", None)]
    produce(topic, [None], key=b"k", headers=headers, timestamp=stamp)
    c = consumer()
    c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    (m,) = read(c, 1)
    equal((m.key(), m.value(), m.headers(), m.timestamp()[1]), (b"k", None, headers, stamp))
    c.close()


def case_idempotent():
    """an idempotent producer keeps order over many partitions"""
    topic = new_topic(6)
    config = {"enable.idempotence": True, "linger.ms": 1, "batch.num.messages": 100}
    done = produce(topic, [str(i).encode() for i in range(20000)], config, key=b"")
    for partition in {m.partition() for m in done}:
        offsets = [m.offset() for m in done if m.partition() == partition]
        equal(offsets, list(range(len(offsets))), f"offsets of partition {partition}")


def case_acks():
    """acks 0, 1 and all"""
    topic = new_topic()
    for acks in ["0", "1", "all"]:
        produce(topic, [acks.encode()] * 100, {"acks": acks})
    c = consumer()
    c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    read(c, 300)
    c.close()


def case_offsets():
    """consume from an offset and from a time; watermarks"""
    topic = new_topic()
    for i in range(10):
        produce(topic, [str(i).encode()], timestamp=1_700_000_000_000 + i * 1000)
    c = consumer()
    equal(c.get_watermark_offsets(TopicPartition(topic, 0), timeout=WAIT), (0, 10), "watermarks")
    (at,) = c.offsets_for_times([TopicPartition(topic, 0, 1_700_000_006_500)], timeout=WAIT)
    equal(at.offset, 7, "offset for time")
    c.assign([at])
    equal([m.value() for m in read(c, 3)], [b"7", b"8", b"9"])
    c.seek(TopicPartition(topic, 0, 4))
    equal([m.value() for m in read(c, 2)], [b"4", b"5"], "after seek")
    c.close()


def case_delete_records():
    """admin: records deleted up to an offset"""
    topic = new_topic()
    produce(topic, [b"v"] * 10)
    tp = TopicPartition(topic, 0, 4)
    equal(ADMIN.delete_records([tp])[tp].result(WAIT).low_watermark, 4, "low watermark")
    c = consumer()
    equal(c.get_watermark_offsets(tp, timeout=WAIT), (4, 10), "watermarks")
    c.close()


def case_end_of_partition():
    """the end of a partition is told"""
    topic = new_topic()
    produce(topic, [b"one"])
    c = consumer(enable_partition_eof=True)
    c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    equal(c.poll(WAIT).value(), b"one")
    equal(c.poll(WAIT).error().code(), KafkaError._PARTITION_EOF)
    c.close()


def rebalance(**config):
    """Two members share a topic, one leaves, the other has all of it."""
    topic, group = new_topic(4), unique("group")
    produce(topic, [b"v"] * 400)
    first, second = consumer(group, **config), consumer(group, **config)
    first.subscribe([topic])
    wait_until(lambda: (first.poll(0.1), len(first.assignment()) == 4)[1])
    second.subscribe([topic])
    members = [first, second]

    def shared():
        for m in members:
            m.poll(0.1)
        return [len(m.assignment()) for m in members] == [2, 2]

    wait_until(shared)
    second.close()
    wait_until(lambda: (first.poll(0.1), len(first.assignment()) == 4)[1])
    first.close()


def wait_until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")


def case_group_range():
    """group: two members, range assignor"""
    rebalance(partition_assignment_strategy="range")


def case_group_cooperative():
    """group: two members, cooperative-sticky assignor"""
    rebalance(partition_assignment_strategy="cooperative-sticky")


def case_group_consumer_protocol():
    """group: two members, KIP-848"""
    for assignor in ["uniform", "range"]:
        rebalance(group_protocol="consumer", group_remote_assignor=assignor)


def case_group_consumer_protocol_regex():
    """group: KIP-848, a pattern that the server resolves"""
    topic = new_topic(2)
    produce(topic, [b"v"] * 10)
    c = consumer(group_protocol="consumer", topic_metadata_refresh_interval_ms="1000")
    c.subscribe(["^" + topic[:-2] + ".*"])
    wait_until(lambda: (c.poll(0.1), len(c.assignment()) == 2)[1])
    c.close()


def case_group_migration():
    """group: a classic member and one of KIP-848 share a topic"""
    topic, group = new_topic(4), unique("group")
    classic = consumer(group, partition_assignment_strategy="range")
    classic.subscribe([topic])
    wait_until(lambda: (classic.poll(0.1), len(classic.assignment()) == 4)[1])
    modern = consumer(group, group_protocol="consumer")
    modern.subscribe([topic])
    members = [classic, modern]
    wait_until(
        lambda: ([m.poll(0.1) for m in members], [len(m.assignment()) for m in members] == [2, 2])[1]
    )
    classic.close()
    wait_until(lambda: (modern.poll(0.1), len(modern.assignment()) == 4)[1])
    modern.close()


def case_group_static():
    """group: a static member comes back to its partitions"""
    topic, group = new_topic(2), unique("group")
    produce(topic, [b"v"] * 10)
    for _ in range(2):
        c = consumer(group, group_instance_id="one", session_timeout_ms=30000)
        c.subscribe([topic])
        wait_until(lambda: (c.poll(0.1), len(c.assignment()) == 2)[1])
        c.close()


def case_commit():
    """group: goes on where it committed"""
    topic, group = new_topic(), unique("group")
    values = [str(i).encode() for i in range(100)]
    produce(topic, values)
    c = consumer(group)
    c.subscribe([topic])
    read(c, 40)
    c.commit(asynchronous=False)
    equal(c.committed([TopicPartition(topic, 0)], timeout=WAIT)[0].offset, 40, "committed")
    c.close()
    c = consumer(group)
    c.subscribe([topic])
    equal([m.value() for m in read(c, 60)], values[40:])
    c.close()


def transactional(name):
    producer = Producer({"bootstrap.servers": SERVERS, "transactional.id": name})
    producer.init_transactions(WAIT)
    return producer


def case_transactions():
    """transactions: committed records are read, aborted ones are not"""
    topic = new_topic(2)
    producer = transactional(unique("txn"))
    for round in range(6):
        producer.begin_transaction()
        for partition in range(2):
            producer.produce(topic, str(round).encode(), partition=partition)
        if round % 2:
            producer.abort_transaction(WAIT)
        else:
            producer.commit_transaction(WAIT)
    c = consumer(isolation_level="read_committed")
    c.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(2)])
    equal(sorted(m.value() for m in read(c, 6)), [b"0", b"0", b"2", b"2", b"4", b"4"])
    equal(c.poll(1), None, "more")
    c.close()


def case_consume_transform_produce():
    """transactions: offsets are committed with what was made of them"""
    source, sink, group = new_topic(), new_topic(), unique("group")
    produce(source, [str(i).encode() for i in range(100)])
    c = consumer(group, isolation_level="read_committed")
    c.subscribe([source])
    producer = transactional(unique("txn"))
    for commit in [False, True]:
        messages = read(c, 100)
        producer.begin_transaction()
        for m in messages:
            producer.produce(sink, m.value() + b"!")
        producer.send_offsets_to_transaction(
            c.position(c.assignment()), c.consumer_group_metadata(), WAIT
        )
        if commit:
            producer.commit_transaction(WAIT)
        else:
            producer.abort_transaction(WAIT)
            c.seek(TopicPartition(source, 0, 0))
    equal(c.committed([TopicPartition(source, 0)], timeout=WAIT)[0].offset, 100, "committed")
    c.close()
    c = consumer(isolation_level="read_committed")
    c.assign([TopicPartition(sink, 0, OFFSET_BEGINNING)])
    equal([m.value() for m in read(c, 100)], [f"{i}!".encode() for i in range(100)])
    c.close()


def case_fencing():
    """transactions: a second producer of the same id fences the first"""
    topic, name = new_topic(), unique("txn")
    first = transactional(name)
    first.begin_transaction()
    first.produce(topic, b"of a zombie")
    first.flush(WAIT)
    second = transactional(name)
    try:
        first.commit_transaction(WAIT)
    except KafkaException as e:
        equal(e.args[0].code(), KafkaError._FENCED, "error")
    else:
        raise AssertionError("the first producer could commit")
    second.begin_transaction()
    second.produce(topic, b"v")
    second.commit_transaction(WAIT)
    c = consumer(isolation_level="read_committed")
    c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    equal(read(c, 1)[0].value(), b"v")
    c.close()


def case_admin_topics():
    """admin: create, describe, add partitions, delete"""
    a, topic = ADMIN, new_topic(2, {"retention.ms": "1234567"})
    described = a.list_topics(topic, timeout=WAIT).topics[topic]
    equal(sorted(described.partitions), [0, 1], "partitions")
    a.create_partitions([NewPartitions(topic, 5)])[topic].result(WAIT)
    wait_until(lambda: len(a.list_topics(topic, timeout=WAIT).topics[topic].partitions) == 5)
    a.delete_topics([topic])[topic].result(WAIT)
    wait_until(lambda: topic not in a.list_topics(timeout=WAIT).topics)


def case_admin_configs():
    """admin: settings of a topic"""
    a, topic = ADMIN, new_topic()
    resource = ConfigResource(ResourceType.TOPIC, topic)
    change = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)
        ],
    )
    a.incremental_alter_configs([change])[change].result(WAIT)
    got = a.describe_configs([resource])[resource].result(WAIT)
    equal(got["cleanup.policy"].value, "delete,compact")
    equal(got["retention.ms"].value, "604800000")
    equal(got["retention.ms"].is_default, True)


def case_admin_groups():
    """admin: list, describe, offsets of, delete groups"""
    a, topic, group = ADMIN, new_topic(), unique("group")
    produce(topic, [b"v"] * 10)
    c = consumer(group)
    c.subscribe([topic])
    read(c, 10)
    c.commit(asynchronous=False)
    described = a.describe_consumer_groups([group])[group].result(WAIT)
    equal((described.state.name, len(described.members)), ("STABLE", 1))
    c.close()
    listed = [g.group_id for g in a.list_consumer_groups().result(WAIT).valid]
    equal(group in listed, True, "listed")
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    offsets = a.list_consumer_group_offsets([wanted])[group].result(WAIT)
    equal(offsets.topic_partitions[0].offset, 10, "offset")
    a.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])]
    )[group].result(WAIT)
    offsets = a.list_consumer_group_offsets([wanted])[group].result(WAIT)
    equal(offsets.topic_partitions[0].offset, 3, "altered offset")
    a.delete_consumer_groups([group])[group].result(WAIT)


def case_admin_offsets():
    """admin: offsets of a partition, cluster"""
    a, topic = ADMIN, new_topic()
    produce(topic, [b"v"] * 10)
    tp = TopicPartition(topic, 0)
    for spec, want in [(OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 10)]:
        equal(a.list_offsets({tp: spec})[tp].result(WAIT).offset, want)
    cluster = a.describe_cluster().result(WAIT)
    equal(len(cluster.nodes), 1, "nodes")


def case_large():
    """a message of 8 MB"""
    topic, value = new_topic(1, {"max.message.bytes": "10000000"}), bytes(range(256)) * 32768
    produce(topic, [value], {"message.max.bytes": 10_000_000})
    c = consumer(fetch_message_max_bytes=10_000_000)
    c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    equal(read(c, 1)[0].value() == value, True, "same")
    c.close()


def case_too_large():
    """error: a message that is too large for the topic"""
    topic = new_topic(1, {"max.message.bytes": "1000"})
    expect_error(KafkaError.MSG_SIZE_TOO_LARGE, lambda: produce(topic, [b"x" * 5000]))


def case_unknown_topic():
    """error: an unknown topic, an existing one, an illegal name"""
    a, topic = ADMIN, new_topic()
    for name, code in [
        (topic, KafkaError.TOPIC_ALREADY_EXISTS),
        ("not a name", KafkaError.TOPIC_EXCEPTION),
    ]:
        expect_error(code, lambda: a.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT))
    expect_error(
        KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: a.delete_topics(["absent"])["absent"].result(WAIT)
    )
    c = consumer(allow_auto_create_topics=False)
    c.subscribe(["absent"])
    message = c.poll(WAIT)
    equal(message.error().code(), KafkaError.UNKNOWN_TOPIC_OR_PART)
    c.close()


run(globals())
