package state

import (
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Memory is what the DBs of a node share, so that fifty processors do not take fifty
// times as much as one. It may be used by many goroutines.
type Memory struct {
	limits Limits
	cache  *pebble.Cache
	files  *pebble.FileCache
	// compactions run at most on every other CPU.
	compactions *compactions

	mu struct {
		sync.Mutex
		dbs, tasks, restores int
	}
}

// Limits are the bytes that a node's state may take in memory; 0 is the default.
type Limits struct {
	// Cache is for blocks of files that have been read; 64 MiB by default.
	Cache int64
	// Memtables is about what has been committed and is not in files yet, of all tasks;
	// 64 MiB by default.
	Memtables int64
	// Hot is for keys that tasks have read or written lately, of all tasks; 32 MiB by
	// default.
	Hot int64
	// Runs is for what restores sort at once, of all restores; 16 MiB by default. Merging
	// takes up to 4 MiB more for each CPU.
	Runs int64
}

// DefaultTotal is how many bytes the defaults of [Limits] make together.
const DefaultTotal = 176 << 20

// Share divides total bytes as the defaults divide [DefaultTotal]; 0 is the defaults.
func Share(total int64) Limits {
	eleventh := total / 11
	return Limits{Cache: 4 * eleventh, Memtables: 4 * eleventh, Hot: 2 * eleventh, Runs: eleventh}
}

const maxOpenFiles = 1000

// NewMemory makes what DBs share. It has to be closed after them.
func NewMemory(l Limits) *Memory {
	setDefault(&l.Cache, 64<<20)
	setDefault(&l.Memtables, 64<<20)
	setDefault(&l.Hot, 32<<20)
	setDefault(&l.Runs, 16<<20)
	m := &Memory{limits: l, cache: pebble.NewCache(l.Cache), compactions: newCompactions(max(1, runtime.GOMAXPROCS(0)/2))}
	m.files = pebble.NewFileCache(1, maxOpenFiles)
	return m
}

func setDefault(v *int64, to int64) {
	if *v == 0 {
		*v = to
	}
}

// Close gives the memory back.
func (m *Memory) Close() {
	m.files.Unref()
	m.cache.Unref()
}

// join counts a DB in, and says how large its memtables may be: the nth gets an nth of
// a quarter of the limit. They are small, since most of what is committed is pending
// instead, and comes in batches that are larger than one.
func (m *Memory) join() (memtable int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.dbs++
	return max(1<<20, m.limits.Memtables/4/int64(max(2, m.mu.dbs)))
}

// pendingShare is how much a task may have pending before it is written: as much is
// being written meanwhile.
func (m *Memory) pendingShare() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.limits.Memtables) / 3 / max(1, m.mu.tasks)
}

// DBs is how many DBs that are open share the memory.
func (m *Memory) DBs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.dbs
}

func (m *Memory) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.dbs--
}

// share is how much of the hot keys a task may keep.
func (m *Memory) share() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.limits.Hot) / max(1, m.mu.tasks)
}

func (m *Memory) countTasks(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.tasks += n
}

// runSize is how much a restore may sort at once: half of its share, since it fills one
// run while another is sorted. A large state is quicker by itself.
func (m *Memory) runSize() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(64<<10, int(m.limits.Runs)/2/max(1, m.mu.restores))
}

// mergers is how many goroutines may merge the runs of a restore: as many as the others
// leave CPUs.
func (m *Memory) mergers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(1, runtime.GOMAXPROCS(0)/max(1, m.mu.restores))
}

func (m *Memory) countRestores(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.restores += n
}
