"""Confluent's Python client: its serializers, and its client of the registry.

    with_confluent_kafka.py BROKERS REGISTRY
"""

import json
import os
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaReference, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.timestamp_pb2 import Timestamp

from suite import equal, run, unique

BROKERS, REGISTRY = sys.argv[1], sys.argv[2]
CLIENT = SchemaRegistryClient({"url": REGISTRY})

ORDER = json.dumps({
    "type": "record", "name": "Order", "namespace": "shop", "doc": "An order.",
    "fields": [{"name": "id", "type": "string"}, {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}],
})
ORDER_2 = json.dumps({
    "type": "record", "name": "Order", "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": None}],
})
JSON_ORDER = json.dumps({
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
    "properties": {"id": {"type": "string"}, "amount": {"type": "number", "minimum": 0}}, "required": ["id"], "additionalProperties": False,
})


def through(serializer, deserializer, value):
    """What comes out of a topic that a value goes into."""
    topic = unique("orders")
    producer = Producer({"bootstrap.servers": BROKERS})
    context = SerializationContext(topic, MessageField.VALUE)
    producer.produce(topic, serializer(value, context))
    equal(producer.flush(30), 0, "left in the producer")
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        for _ in range(60):
            message = consumer.poll(1)
            if message is not None and not message.error():
                return topic, deserializer(message.value(), context)
        raise AssertionError("nothing came")
    finally:
        consumer.close()


def refused(code, call):
    """A call that must be refused with a code; its message."""
    try:
        call()
    except SchemaRegistryError as e:
        equal(e.error_code, code, "the code")
        return e.error_message
    raise AssertionError("it was not refused")


def case_avro():
    """AvroSerializer registers and writes, AvroDeserializer reads"""
    from decimal import Decimal
    order = {"id": "1", "amount": Decimal("12.50")}
    topic, got = through(AvroSerializer(CLIENT, ORDER), AvroDeserializer(CLIENT), order)
    equal(got, order)
    equal(CLIENT.get_latest_version(topic + "-value").version, 1)


def case_json():
    """JSONSerializer registers and writes, JSONDeserializer reads"""
    order = {"id": "1", "amount": 12.5}
    _, got = through(JSONSerializer(JSON_ORDER, CLIENT), JSONDeserializer(JSON_ORDER, schema_registry_client=CLIENT), order)
    equal(got, order)


def case_protobuf():
    """ProtobufSerializer registers and writes, ProtobufDeserializer reads"""
    value = Timestamp(seconds=1700000000, nanos=5)
    serializer = ProtobufSerializer(Timestamp, CLIENT, {"use.deprecated.format": False})
    _, got = through(serializer, ProtobufDeserializer(Timestamp, {"use.deprecated.format": False}), value)
    equal(got, value)


def case_registering():
    """a schema is registered once, and found by id, version, text and guid"""
    subject = unique("s")
    schema = Schema(ORDER, "AVRO")
    registered = CLIENT.register_schema_full_response(subject, schema)
    equal(CLIENT.register_schema(subject, schema), registered.schema_id)
    fresh = SchemaRegistryClient({"url": REGISTRY})
    equal(json.loads(fresh.get_schema(registered.schema_id).schema_str), json.loads(ORDER))
    equal(json.loads(fresh.get_schema_by_guid(registered.guid).schema_str), json.loads(ORDER))
    found = fresh.lookup_schema(subject, schema)
    equal((found.version, found.schema_id), (1, registered.schema_id))
    equal(fresh.get_versions(subject), [1])
    equal(subject in fresh.get_subjects(), True)


def case_compatibility():
    """what is not compatible is refused, and said before"""
    subject = unique("s")
    CLIENT.register_schema(subject, Schema(ORDER_2, "AVRO"))
    other = Schema(ORDER_2.replace('"string"}, {', '"string"}, {"name": "n", "type": "int"}, {', 1), "AVRO")
    equal(CLIENT.test_compatibility(subject, other), False)
    message = refused(409, lambda: CLIENT.register_schema(subject, other))
    equal("READER_FIELD_MISSING_DEFAULT_VALUE" in message, True, message)
    CLIENT.set_config(subject, ServerConfig(compatibility=ConfigCompatibilityLevel.NONE))
    equal(CLIENT.get_config(subject).compatibility_level, ConfigCompatibilityLevel.NONE)
    CLIENT.register_schema(subject, other)
    equal(CLIENT.get_latest_version(subject).version, 2)


def case_references():
    """a schema refers to another, which cannot be deleted then"""
    customer, order = unique("customer"), unique("order")
    CLIENT.register_schema(customer, Schema('{"type":"record","name":"Customer","namespace":"shop","fields":[{"name":"name","type":"string"}]}', "AVRO"))
    text = '{"type":"record","name":"O","namespace":"shop","fields":[{"name":"by","type":"shop.Customer"}]}'
    CLIENT.register_schema(order, Schema(text, "AVRO", [SchemaReference("shop.Customer", customer, 1)]))
    equal(CLIENT.get_latest_version(order).schema.references[0].subject, customer)
    refused(42206, lambda: CLIENT.delete_subject(customer))


def case_deletion():
    """a subject is deleted, then gone"""
    subject = unique("s")
    CLIENT.register_schema(subject, Schema('"int"', "AVRO"))
    refused(40405, lambda: CLIENT.delete_subject(subject, permanent=True))
    equal(CLIENT.delete_subject(subject), [1])
    equal(CLIENT.delete_subject(subject, permanent=True), [1])
    refused(40401, lambda: SchemaRegistryClient({"url": REGISTRY}).get_latest_version(subject))


run(globals())
