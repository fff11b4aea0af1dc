// Package event is the one idea of an event that all of Evident has: a CloudEvent
// 1.0, and the forms in which it travels.
//
// An [Event] is a value: attributes, which are checked by the rules of the
// CloudEvents specification, and data, which nobody looks into. It is read from and
// written to
//
//   - a Kafka record, in binary or structured mode: [FromRecord], [Event.Record], [Event.StructuredRecord];
//   - an HTTP message: [FromHTTP], [Event.SetHTTP], and in batches [BatchReader], [AppendBatch];
//   - an MQTT 5 message: [FromMQTT], [Event.MQTT], [Event.StructuredMQTT];
//   - JSON: [ParseJSON], [Event.AppendJSON], and by the line [LineReader], [Event.AppendLine];
//   - JSON of others, by declaration: [Mapping].
//
// What is not a CloudEvent in a log has a defined view as one: [View]. A [Stamper]
// gives events the id, source and time that they lack, [Event.CausedBy] their place
// in a chain of causes, and [Claim] is what stands in the log for data too large for
// it.
//
// The package reads and writes no network, disk, clock or random numbers that it was
// not handed. docs/format/event.md has the forms as tables.
package event
