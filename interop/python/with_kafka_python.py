"""kafka-python against the servers of the first argument."""

import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from suite import SERVERS, equal, run, unique

WAIT = 60  # seconds, for anything
ADMIN = KafkaAdminClient(bootstrap_servers=SERVERS)


def new_topic(partitions=1, configs=None):
    name = unique("kafka-python")
    ADMIN.create_topics(
        {name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}},
        wait_for_metadata=True,
    )
    return name


def produce(topic, values, config=None, **kwargs):
    """Produces values and returns what was acknowledged of each."""
    producer = KafkaProducer(bootstrap_servers=SERVERS, **(config or {}))
    try:
        futures = [producer.send(topic, v, **kwargs) for v in values]
        producer.flush(WAIT)
        return [f.get(WAIT) for f in futures]
    finally:
        producer.close(WAIT)


def consumer(*topics, group=None, **config):
    return KafkaConsumer(
        *topics,
        bootstrap_servers=SERVERS,
        group_id=group,
        **{"auto_offset_reset": "earliest", "enable_auto_commit": False, **config},
    )


def read(c, count):
    records, end = [], time.monotonic() + WAIT
    while len(records) < count and time.monotonic() < end:
        for batch in c.poll(200, max_records=count - len(records)).values():
            records.extend(batch)
    equal(len(records), count, "records consumed")
    return records


def expect(error, action):
    try:
        action()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def case_compression():
    """each compression, produced and consumed"""
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        topic = new_topic()
        values = [f"{codec} {i} {'x' * (i % 200)}".encode() for i in range(2000)]
        produce(topic, values, {"compression_type": codec, "linger_ms": 20})
        c = consumer(topic)
        equal([r.value for r in read(c, len(values))], values, codec)
        c.close()


def case_record():
    """key, headers, timestamp and null value come back as they went"""
    topic, stamp = new_topic(), 1_700_000_000_123
    headers = [("trace", b"\x00\xff"), ("trace", b"again")]
    (at,) = produce(topic, [None], key=b"k", headers=headers, timestamp_ms=stamp)
    equal((at.partition, at.offset), (0, 0))
    c = consumer(topic)
    (r,) = read(c, 1)
    equal((r.key, r.value, [tuple(h) for h in r.headers], r.timestamp), (b"k", None, headers, stamp))
    c.close()


def case_acks():
    """acks 0, 1 and all, and an idempotent producer"""
    topic = new_topic()
    for config in [
        {"acks": 0, "enable_idempotence": False},
        {"acks": 1, "enable_idempotence": False},
        {"acks": "all", "enable_idempotence": False},
        {"acks": "all", "enable_idempotence": True},
    ]:
        produce(topic, [b"v"] * 500, config)
    c = consumer(topic)
    equal([r.offset for r in read(c, 2000)], list(range(2000)), "offsets")
    c.close()


def case_transactions():
    """transactions: offsets and records are committed together, aborted ones are not read"""
    source, sink, group = new_topic(), new_topic(), unique("group")
    produce(source, [b"a", b"b"])
    c = consumer(source, group=group)
    producer = KafkaProducer(bootstrap_servers=SERVERS, transactional_id=unique("txn"))
    producer.init_transactions()
    for commit in [False, True]:
        records = read(c, 2)
        producer.begin_transaction()
        for r in records:
            producer.send(sink, r.value + (b" kept" if commit else b" lost"))
        offsets = {TopicPartition(source, 0): OffsetAndMetadata(2, "", -1)}
        producer.send_offsets_to_transaction(offsets, c.group_metadata())
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
            c.seek(TopicPartition(source, 0), 0)
    # The markers may be written a moment after the commit was answered.
    wait_until(lambda: c.committed(TopicPartition(source, 0)) == 2)
    c.close()
    producer.close(WAIT)
    c = consumer(sink, isolation_level="read_committed")
    equal([r.value for r in read(c, 2)], [b"a kept", b"b kept"])
    c.close()


def case_offsets():
    """consume from an offset and from a time; begin and end"""
    topic = new_topic()
    for i in range(10):
        produce(topic, [str(i).encode()], timestamp_ms=1_700_000_000_000 + i * 1000)
    tp, c = TopicPartition(topic, 0), consumer()
    c.assign([tp])
    equal((c.beginning_offsets([tp])[tp], c.end_offsets([tp])[tp]), (0, 10))
    equal(c.offsets_for_times({tp: 1_700_000_006_500})[tp].offset, 7, "offset for time")
    c.seek(tp, 7)
    equal([r.value for r in read(c, 3)], [b"7", b"8", b"9"])
    c.seek_to_beginning(tp)
    equal(read(c, 1)[0].value, b"0")
    c.close()


class Member(threading.Thread):
    """A member of a group, which polls until it is told to leave."""

    def __init__(self, topic, group, **config):
        super().__init__(daemon=True)
        self.consumer = consumer(topic, group=group, **config)
        self.assigned, self.leave = set(), threading.Event()
        self.start()

    def run(self):
        while not self.leave.is_set():
            self.consumer.poll(100)
            self.assigned = self.consumer.assignment()
        self.consumer.close()

    def stop(self):
        self.leave.set()
        self.join(WAIT)


def wait_until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def rebalance(assignor):
    """Two members share a topic, one leaves, the other has all of it."""
    topic, group = new_topic(4), unique("group")
    config = {"partition_assignment_strategy": [assignor], "heartbeat_interval_ms": 300}
    first = Member(topic, group, **config)
    wait_until(lambda: len(first.assigned) == 4)
    second = Member(topic, group, **config)
    wait_until(lambda: [len(m.assigned) for m in (first, second)] == [2, 2])
    second.stop()
    wait_until(lambda: len(first.assigned) == 4)
    first.stop()


def case_group_range():
    """group: two members, range assignor"""
    rebalance(RangePartitionAssignor)


def case_group_cooperative():
    """group: two members, cooperative-sticky assignor"""
    rebalance(CooperativeStickyAssignor)


def case_commit():
    """group: goes on where it committed"""
    topic, group = new_topic(), unique("group")
    values = [str(i).encode() for i in range(100)]
    produce(topic, values)
    c = consumer(topic, group=group)
    read(c, 40)
    c.commit({TopicPartition(topic, 0): OffsetAndMetadata(40, "note", -1)})
    equal(c.committed(TopicPartition(topic, 0)), 40, "committed")
    c.close()
    c = consumer(topic, group=group)
    equal([r.value for r in read(c, 60)], values[40:])
    c.close()


def case_admin_topics():
    """admin: create, describe, add partitions, delete"""
    topic = new_topic(2)
    (described,) = ADMIN.describe_topics([topic])
    equal(len(described["partitions"]), 2, "partitions")
    ADMIN.create_partitions({topic: 5})
    equal(len(ADMIN.describe_topics([topic])[0]["partitions"]), 5, "partitions")
    ADMIN.delete_topics([topic])
    wait_until(lambda: topic not in ADMIN.list_topics())


def case_admin_configs():
    """admin: settings of a topic"""
    topic = new_topic()
    ADMIN.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "1234567"})])
    got = ADMIN.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    equal(got["topic"][topic]["retention.ms"]["value"], "1234567")
    equal(got["topic"][topic]["cleanup.policy"]["value"], "delete")


def case_admin_groups():
    """admin: list, describe, offsets of, delete groups"""
    topic, group = new_topic(), unique("group")
    produce(topic, [b"v"] * 10)
    c = consumer(topic, group=group)
    read(c, 10)
    c.commit()
    equal(ADMIN.describe_groups([group])[group]["group_state"], "Stable")
    c.close()
    equal(group in [g["group_id"] for g in ADMIN.list_groups()], True, "listed")
    tp = TopicPartition(topic, 0)
    equal(ADMIN.list_group_offsets([group])[group][tp].offset, 10, "offset")
    ADMIN.delete_groups([group])
    equal(group in [g["group_id"] for g in ADMIN.list_groups()], False, "listed")


def case_large():
    """a message of 8 MB"""
    topic, value = new_topic(1, {"max.message.bytes": "10000000"}), bytes(range(256)) * 32768
    produce(topic, [value], {"max_request_size": 10_000_000})
    c = consumer(topic)
    equal(read(c, 1)[0].value == value, True, "same")
    c.close()


def case_too_large():
    """error: a message that is too large for the topic"""
    topic = new_topic(1, {"max.message.bytes": "1000"})
    expect(MessageSizeTooLargeError, lambda: produce(topic, [b"x" * 5000]))


def case_errors():
    """error: an existing topic, an illegal name, an unknown topic"""
    topic = new_topic()
    new = {"num_partitions": 1, "replication_factor": 1}
    expect(TopicAlreadyExistsError, lambda: ADMIN.create_topics({topic: new}))
    expect(InvalidTopicError, lambda: ADMIN.create_topics({"not a name": new}))
    expect(UnknownTopicOrPartitionError, lambda: ADMIN.delete_topics(["absent"]))


run(globals())
