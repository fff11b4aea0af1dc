package broker

// feature is one of the cluster's features (KIP-584), which clients may ask to
// be at another level.
type feature struct {
	min, max int16 // levels that the broker can run at
	level    int16 // that it runs at
}

// features lists what the broker's features are, by name. Their levels are the
// broker's own and do not change while it runs.
func (b *Broker) features() map[string]feature {
	return map[string]feature{
		"group.version":       {min: 0, max: 1, level: 1}, // the consumer group protocol (KIP-848)
		"share.version":       {min: 0, max: 2, level: 2}, // share groups (KIP-932), with dead letters (KIP-1191)
		"transaction.version": {min: 0, max: 2, level: 2}, // epochs that rise with each transaction (KIP-890)
	}
}
