package broker

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// brokerConfigs lists the broker's properties by Kafka's names. They are given
// when the node starts and cannot be altered.
func (b *Broker) brokerConfigs() []topicconfig.Entry {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	entries := []topicconfig.Entry{
		property("auto.create.topics.enable", kmsg.ConfigTypeBoolean, strconv.FormatBool(b.cfg.AutoCreateTopics), "true",
			"Whether asking for a topic creates it."),
		property("broker.id", kmsg.ConfigTypeInt, strconv.Itoa(int(b.cfg.NodeID)), "-1", "The broker's id."),
		property("connection.failed.authentication.delay.ms", kmsg.ConfigTypeInt, ms(max(0, b.cfg.FailedAuthenticationDelay)), "100",
			"How long a client that failed to authenticate waits for its answer."),
		property("connections.max.idle.ms", kmsg.ConfigTypeLong, ms(b.cfg.IdleTimeout), "600000",
			"How long a connection may go without a request."),
		property("connections.max.reauth.ms", kmsg.ConfigTypeLong, ms(b.cfg.ConnectionsMaxReauth), "0",
			"How long an authentication by SASL is good for; 0 is as long as the connection."),
		property("default.replication.factor", kmsg.ConfigTypeInt, "1", "1", "How many replicas a partition has: there is one broker."),
		property("delete.topic.enable", kmsg.ConfigTypeBoolean, "true", "true", "Whether topics can be deleted."),
		property("errors.deadletterqueue.auto.create.topics.enable", kmsg.ConfigTypeBoolean, strconv.FormatBool(b.cfg.DeadLetterCreate), "false",
			"Whether dead-letter topics that share groups name are created."),
		property("errors.deadletterqueue.topic.name.prefix", kmsg.ConfigTypeString, *b.cfg.DeadLetterPrefix, defaultDeadLetterPrefix,
			"What names of dead-letter topics must begin with."),
		property("fetch.max.bytes", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.FetchMaxBytes), "57671680",
			"The most that one fetch returns, but for its first batch."),
		property("group.consumer.assignors", kmsg.ConfigTypeList, "uniform,range", "uniform,range",
			"How partitions can be assigned to the members of consumer groups."),
		property("group.consumer.heartbeat.interval.ms", kmsg.ConfigTypeInt, ms(b.cfg.ConsumerHeartbeat), "5000",
			"How often members of consumer groups are to send heartbeats."),
		property("group.consumer.max.size", kmsg.ConfigTypeInt, strconv.Itoa(cmp.Or(b.cfg.ConsumerMaxSize, math.MaxInt32)), "2147483647",
			"How many members a consumer group may have."),
		property("group.consumer.migration.policy", kmsg.ConfigTypeString, "bidirectional", "bidirectional",
			"Whether classic groups become consumer groups, and the other way round, while they have members."),
		property("group.consumer.session.timeout.ms", kmsg.ConfigTypeInt, ms(b.cfg.ConsumerSession), "45000",
			"How long a member of a consumer group may be silent."),
		property("group.initial.rebalance.delay.ms", kmsg.ConfigTypeInt, ms(b.cfg.GroupInitialRebalanceDelay), "3000",
			"How long a new consumer group waits for more members."),
		property("group.share.max.share.sessions", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.ShareSessions), "2000",
			"How many share sessions there may be."),
		property("group.share.max.size", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.ShareMaxSize), "200",
			"How many members a share group may have."),
		property("max.incremental.fetch.session.cache.slots", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.FetchSessions), "1000",
			"How many fetch sessions are remembered."),
		property("max.request.partition.size.limit", kmsg.ConfigTypeInt, strconv.Itoa(maxDescribedPartitions), "2000",
			"How many partitions one answer to DescribeTopicPartitions describes at most."),
		property("node.id", kmsg.ConfigTypeInt, strconv.Itoa(int(b.cfg.NodeID)), "-1", "The broker's id."),
		property("num.partitions", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.DefaultPartitions), "1",
			"How many partitions a topic gets that asks for none in particular."),
		property("offsets.topic.num.partitions", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.OffsetsPartitions), "50",
			"How many partitions __consumer_offsets is created with."),
		property("queued.max.request.bytes", kmsg.ConfigTypeLong, strconv.FormatInt(b.cfg.QueuedRequestBytes, 10), "-1",
			"The memory that requests may take together."),
		property("quota.window.num", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.QuotaWindows), "11",
			"How many windows the use of client quotas is measured over."),
		property("quota.window.size.seconds", kmsg.ConfigTypeInt, strconv.Itoa(int(b.cfg.QuotaWindow.Seconds())), "1",
			"How long each of these windows is."),
		property("share.coordinator.state.topic.num.partitions", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.ShareStatePartitions), "50",
			"How many partitions __share_group_state is created with."),
		property("socket.request.max.bytes", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.MaxRequestBytes), "104857600",
			"The largest request."),
		property("transaction.max.timeout.ms", kmsg.ConfigTypeInt, ms(b.cfg.TransactionMaxTimeout), "900000",
			"The longest transaction that a producer may ask for."),
		property("transaction.state.log.num.partitions", kmsg.ConfigTypeInt, strconv.Itoa(b.cfg.TransactionsPartitions), "50",
			"How many partitions __transaction_state is created with."),
		property("transactional.id.expiration.ms", kmsg.ConfigTypeInt, ms(b.cfg.TransactionalIDExpiration), "604800000",
			"How long a transactional id that is not used is remembered."),
	}
	for _, d := range topicconfig.All() {
		value, ok := b.cfg.TopicDefaults[d.Name]
		if !ok {
			value = d.Default
		}
		entries = append(entries, property(d.NodeName, d.Type, value, d.Default, "Default of topics' "+d.Name+". "+d.Doc))
	}
	slices.SortFunc(entries, func(x, y topicconfig.Entry) int { return strings.Compare(x.Name, y.Name) })
	return entries
}

func property(name string, t kmsg.ConfigType, value, standard, doc string) topicconfig.Entry {
	e := topicconfig.Entry{Name: name, Value: value, Doc: doc, Type: t, Source: kmsg.ConfigSourceDefaultConfig}
	if value != standard {
		e.Source = kmsg.ConfigSourceStaticBrokerConfig
		e.Synonyms = []topicconfig.Synonym{{Name: name, Value: value, Source: e.Source}}
	}
	e.Synonyms = append(e.Synonyms, topicconfig.Synonym{Name: name, Value: standard, Source: kmsg.ConfigSourceDefaultConfig})
	return e
}
