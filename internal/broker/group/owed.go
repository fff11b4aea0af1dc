package group

import "github.com/twmb/franz-go/pkg/kerr"

// keep writes records of the group itself, as append does. If that fails, they
// are still to be written, for the group goes on from what they say: the group's
// next write begins with them.
func (c *Coordinator) keep(e *entry, records []record, apply func(*kerr.Error)) {
	records = e.withOwed(records)
	w := c.append(e, records, func(err *kerr.Error) {
		if err != nil {
			e.owe(records)
		}
		apply(err)
	})
	w.kept = records
}

// withOwed puts what is owed before records, but for what these say anew.
func (e *entry) withOwed(records []record) []record {
	if len(e.owed) == 0 {
		return records
	}
	anew := keysOf(records)
	var all []record
	for _, r := range e.owed {
		if !anew[string(r.key)] {
			all = append(all, r)
		}
	}
	e.owed = nil
	return append(all, records...)
}

// owe notes that records could not be written, but for what writes under way
// say anew.
func (e *entry) owe(records []record) {
	anew := map[string]bool{}
	for _, w := range e.writes {
		for key := range keysOf(w.kept) {
			anew[key] = true
		}
	}
	for _, r := range records {
		if !anew[string(r.key)] {
			e.owed = append(e.owed, r)
		}
	}
}

func keysOf(records []record) map[string]bool {
	keys := make(map[string]bool, len(records))
	for _, r := range records {
		keys[string(r.key)] = true
	}
	return keys
}

// repay writes what is owed.
func (c *Coordinator) repay(e *entry) {
	if len(e.owed) > 0 {
		c.keep(e, nil, func(*kerr.Error) {})
	}
}
