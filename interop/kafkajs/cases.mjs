// kafkajs against the servers of the first argument. It prints "ok NAME" or
// "FAILED NAME: why" for each case.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { compressions } from './compressions.mjs'

// The packages are in the folder of the second argument, not beside this file.
const require = createRequire(join(process.argv[3], 'package.json'))
const kafkajs = require('kafkajs')
const { AssignerProtocol, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs

const kafka = new Kafka({ clientId: 'interop', brokers: process.argv[2].split(','), logLevel: logLevel.NOTHING })
const admin = kafka.admin()
const wait = 60_000 // milliseconds, for anything

const unique = (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`

async function newTopic(numPartitions = 1, configEntries = []) {
  const topic = unique('kafkajs')
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }], waitForLeaders: true })
  return topic
}

async function produce(topic, messages, { send = {}, ...config } = {}) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...config })
  await producer.connect()
  try {
    return await producer.send({ topic, messages, ...send })
  } finally {
    await producer.disconnect()
  }
}

async function eventually(what, condition) {
  for (const end = Date.now() + wait; !(await condition()); ) {
    assert(Date.now() < end, `waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

// A member of a group. It keeps the messages it reads, and its partitions.
async function joined(topic, { groupId = unique('group'), seek, ...config } = {}) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, rebalanceTimeout: 10_000, ...config })
  const member = { consumer, groupId, messages: [], partitions: 0 }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.partitions = (payload.memberAssignment[topic] ?? []).length
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ partition, message }) => { member.messages.push({ partition, ...message }) } })
  if (seek !== undefined) consumer.seek({ topic, partition: 0, offset: String(seek) })
  return member
}

async function read(topic, count, config) {
  const member = await joined(topic, config)
  await eventually(`${count} messages`, () => member.messages.length >= count)
  await member.consumer.disconnect()
  return member.messages
}

const cases = {
  async 'each compression, produced and consumed'() {
    for (const codec of Object.keys(CompressionTypes)) {
      const topic = await newTopic()
      const values = Array.from({ length: 1000 }, (_, i) => `${codec} ${i} ${'x'.repeat(i % 200)}`)
      await produce(topic, values.map((value) => ({ value })), { send: { compression: CompressionTypes[codec] } })
      const got = await read(topic, values.length)
      assert.deepEqual(got.map((m) => m.value.toString()), values, codec)
    }
  },

  async 'key, headers, timestamp and null value come back as they went'() {
    const topic = await newTopic()
    const sent = { key: 'k', value: null, timestamp: '1700000000123', headers: { trace: [Buffer.from([0, 255]), 'again'] } }
    await produce(topic, [sent])
    const [got] = await read(topic, 1)
    assert.equal(got.key.toString(), 'k')
    assert.equal(got.value, null)
    assert.equal(got.timestamp, sent.timestamp)
    assert.deepEqual(got.headers.trace, [Buffer.from([0, 255]), Buffer.from('again')])
  },

  async 'acks 0, 1 and all, and an idempotent producer'() {
    const topic = await newTopic()
    const messages = Array.from({ length: 100 }, (_, i) => ({ value: String(i) }))
    for (const acks of [0, 1, -1]) await produce(topic, messages, { send: { acks } })
    await produce(topic, messages, { idempotent: true, maxInFlightRequests: 1 })
    const got = await read(topic, 400)
    assert.deepEqual(got.map((m) => Number(m.offset)), Array.from({ length: 400 }, (_, i) => i))
  },

  async 'consume from an offset; offsets of a partition and of a time'() {
    const topic = await newTopic()
    const messages = Array.from({ length: 10 }, (_, i) => ({ value: String(i), timestamp: String(1_700_000_000_000 + i * 1000) }))
    await produce(topic, messages)
    const [ends] = await admin.fetchTopicOffsets(topic)
    assert.deepEqual([ends.low, ends.high], ['0', '10'])
    const [at] = await admin.fetchTopicOffsetsByTimestamp(topic, 1_700_000_006_500)
    assert.equal(at.offset, '7')
    const got = await read(topic, 3, { seek: 7 })
    assert.deepEqual(got.slice(-3).map((m) => m.value.toString()), ['7', '8', '9'])
  },

  async 'group: two members share a topic, one leaves'() {
    const topic = await newTopic(4)
    const groupId = unique('group')
    const first = await joined(topic, { groupId })
    await eventually('all partitions', () => first.partitions === 4)
    const second = await joined(topic, { groupId })
    await eventually('two each', () => first.partitions === 2 && second.partitions === 2)
    await second.consumer.disconnect()
    await eventually('all partitions again', () => first.partitions === 4)
    await first.consumer.disconnect()
  },

  async 'group: goes on where it committed'() {
    const topic = await newTopic()
    const groupId = unique('group')
    for (let round = 0; round < 2; round++) {
      await produce(topic, Array.from({ length: 40 }, () => ({ value: 'v' })))
      const got = await read(topic, 40, { groupId })
      assert.deepEqual([got.length, got[0].offset], [40, String(round * 40)])
    }
  },

  async 'transactions: offsets and records are committed together, aborted ones are not read'() {
    const source = await newTopic()
    const sink = await newTopic()
    const groupId = unique('group')
    const producer = kafka.producer({ transactionalId: unique('txn'), maxInFlightRequests: 1, idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    for (const [value, end] of [['lost', 'abort'], ['kept', 'commit']]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: sink, messages: [{ value }] })
      await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: source, partitions: [{ partition: 0, offset: value === 'kept' ? '7' : '3' }] }] })
      await transaction[end]()
    }
    await producer.disconnect()
    // The markers may be written a moment after the commit was answered.
    await eventually('offset 7 is committed', async () => {
      const [committed] = await admin.fetchOffsets({ groupId, topics: [source] })
      return committed.partitions[0].offset === '7'
    })
    const got = await read(sink, 1, { readUncommitted: false })
    assert.deepEqual(got.map((m) => m.value.toString()), ['kept'])
  },

  async 'admin: create, describe, add partitions, delete'() {
    const topic = await newTopic(2)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    assert.equal(topics[0].partitions.length, 5)
    await admin.deleteTopics({ topics: [topic] })
    assert(!(await admin.listTopics()).includes(topic))
  },

  async 'admin: settings of a topic'() {
    const name = await newTopic(1, [{ name: 'cleanup.policy', value: 'compact' }])
    const resource = { type: ConfigResourceTypes.TOPIC, name }
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '1234567' }] }] })
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
    const value = (key) => resources[0].configEntries.find((e) => e.configName === key).configValue
    assert.deepEqual([value('retention.ms'), value('cleanup.policy')], ['1234567', 'delete'], 'AlterConfigs replaces all settings')
  },

  async 'admin: list, describe, offsets of, reset, delete groups'() {
    const topic = await newTopic()
    await produce(topic, Array.from({ length: 10 }, () => ({ value: 'v' })))
    const member = await joined(topic)
    await eventually('10 messages', () => member.messages.length === 10)
    const { groups } = await admin.describeGroups([member.groupId])
    const [described] = groups
    assert.deepEqual([described.state, AssignerProtocol.MemberAssignment.decode(described.members[0].memberAssignment).assignment[topic]], ['Stable', [0]])
    await member.consumer.disconnect()
    const { groupId } = member
    assert((await admin.listGroups()).groups.some((g) => g.groupId === groupId))
    const offset = async () => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions[0].offset
    assert.equal(await offset(), '10')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }] })
    assert.equal(await offset(), '3')
    await admin.deleteGroups([groupId])
    assert(!(await admin.listGroups()).groups.some((g) => g.groupId === groupId))
  },

  async 'a message of 8 MB'() {
    const topic = await newTopic(1, [{ name: 'max.message.bytes', value: '10000000' }])
    const value = Buffer.alloc(8 << 20, 'evident')
    await produce(topic, [{ value }])
    const [got] = await read(topic, 1, { maxBytesPerPartition: 10_000_000 })
    assert(got.value.equals(value))
  },

  async 'error: a message that is too large for the topic'() {
    const topic = await newTopic(1, [{ name: 'max.message.bytes', value: '1000' }])
    await assert.rejects(produce(topic, [{ value: 'x'.repeat(5000) }]), { type: 'MESSAGE_TOO_LARGE' })
  },

  async 'error: an illegal name, an unknown topic, too few partitions'() {
    const topic = await newTopic(2)
    assert.equal(await admin.createTopics({ topics: [{ topic }] }), false, 'it exists')
    await assert.rejects(admin.createTopics({ topics: [{ topic: 'not a name' }] }), ({ errors: [e] }) => e.type === 'INVALID_TOPIC_EXCEPTION')
    await assert.rejects(admin.deleteTopics({ topics: ['absent'] }), /does not host/)
    await assert.rejects(admin.createPartitions({ topicPartitions: [{ topic, count: 1 }] }), { type: 'INVALID_PARTITIONS' })
  },
}

let failed = 0
await compressions(kafkajs, require)
await admin.connect()
for (const [name, run] of Object.entries(cases)) {
  try {
    await run()
    console.log(`ok ${name}`)
  } catch (error) {
    failed++
    console.log(`FAILED ${name}: ${String(error.stack).replaceAll('\n', '\n    ')}`)
  }
}
await admin.disconnect()
process.exit(failed > 0 ? 1 : 0)
