package process

import (
	"time"

	"github.com/evidentlog/evident/internal/process/state"
)

// A Processor is a named piece of code with inputs. Its tasks are the partitions of
// its inputs: task N has partition N of each of them, so that records of one key meet
// in one task if the inputs have equally many partitions.
type Processor struct {
	// Name is what the processor is called in its group, its topics and its URLs:
	// letters, digits, '.', '_' and '-', at most 100 of them.
	Name string
	// Version is 1 or more. A version has positions, state and a changelog of its own,
	// and can run beside another one.
	Version int
	// Inputs are the topics that are read; all have as many partitions.
	Inputs []string
	// From is where an input is begun for which no position has been committed; the
	// zero value begins at its start.
	From Start
	// Stores are the keyed states that the code may use.
	Stores []StoreConfig
	// Timers says that the code sets timers: what New gives is a [TimerHandler]. Like
	// stores they need a changelog.
	Timers bool
	// Lateness is how far event time is behind the latest timestamp that a task has
	// seen.
	Lateness time.Duration
	// Concurrency is how many records of one task the code is given at a time, none of
	// them with the same key; only for processors without stores and timers. Outputs are
	// written in the order of the inputs all the same. 0 is 1.
	Concurrency int
	// Standbys is how many other nodes keep a copy of each task's state.
	Standbys int
	// Policy is what happens with records on which the code fails.
	Policy Policy
	// Withhold is which outputs go nowhere; nil: none.
	Withhold *Withholding
	// DeadLetters is the topic for records that were given up; empty is "dlq." and Name.
	DeadLetters string
	// New makes the code for a task, whenever a node takes the task on. What New gives
	// is used by one goroutine at a time, unless Concurrency is more than 1.
	New func(Task) Handler
}

// A Task is a processor's work on one partition.
type Task struct {
	Processor string
	Version   int
	Partition int32
	// Partitions is how many each of the inputs had when the task was taken on.
	Partitions int32
}

// Start is a place in a topic.
type Start struct {
	// Latest begins at the end.
	Latest bool
	// Time begins with the first record of that time or later, if it is not zero.
	Time time.Time
	// NotAfter are offsets, by topic and partition, behind which no input is begun,
	// whatever Latest and Time say; nil: there are none.
	NotAfter map[string]map[int32]int64
}

// Policy is what happens with a record on which the code fails.
type Policy struct {
	// Attempts is how often a record is tried before it is given up; 0 is 3.
	Attempts int
	// Backoff is how long the second attempt waits; each later one waits twice as long,
	// up to MaxBackoff. The task does nothing else meanwhile. 0 is 100 ms.
	Backoff time.Duration
	// MaxBackoff is the longest wait; 0 is 10 s.
	MaxBackoff time.Duration
	// Deadline is how long the code may take for one record or timer; 0 is 30 s. Code
	// that takes longer has failed, and what it does afterwards counts for nothing.
	Deadline time.Duration
}

// StoreConfig describes a keyed state: letters, digits, '.', '_' and '-' are its name.
type StoreConfig = state.StoreConfig
