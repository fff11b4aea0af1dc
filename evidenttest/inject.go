package evidenttest

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// Fault is a [RequestFault] or a [DiskFault].
type Fault interface{ check() error }

// Injected is a fault that is at work.
type Injected struct {
	all     *faults
	number  uint64 // among the test's faults, from 1
	request *RequestFault
	disk    *DiskFault
	removed chan struct{}

	// Guarded by all.mu.
	gone bool
	seen map[string]uint64 // what the fault concerned, by client
	left int               // how many more are skipped
	hits int
}

// Inject has a fault happen from now on, until it is removed or the test ends.
func (n *Node) Inject(f Fault) *Injected {
	n.t.Helper()
	if err := f.check(); err != nil {
		n.t.Fatalf("injecting a fault: %v", err)
	}
	i := &Injected{all: n.faults, removed: make(chan struct{}), seen: make(map[string]uint64)}
	switch f := f.(type) {
	case RequestFault:
		i.request, i.left = &f, f.Skip
	case DiskFault:
		i.disk, i.left = &f, f.Skip
		if f.CutPower != nil && !n.disk.ours() {
			n.t.Fatalf("only the node's own filesystem in memory can lose power: leave Config.FS as it is")
		}
	}
	n.faults.add(i)
	return i
}

// Hits is how many requests or operations were hit until now.
func (i *Injected) Hits() int {
	i.all.mu.Lock()
	defer i.all.mu.Unlock()
	return i.hits
}

// Remove ends the fault. What it holds goes on.
func (i *Injected) Remove() {
	i.all.mu.Lock()
	defer i.all.mu.Unlock()
	if !i.gone {
		i.gone = true
		close(i.removed)
	}
}

// faults are those of a test.
type faults struct {
	seed uint64
	node *Node

	mu  sync.Mutex
	all []*Injected
}

func (f *faults) add(i *Injected) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, i)
	i.number = uint64(len(f.all))
}

func (f *faults) injected() []*Injected {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Injected(nil), f.all...)
}

func (f *faults) removeAll() {
	for _, i := range f.injected() {
		i.Remove()
	}
}

// chanced tells whether anything was left to chance.
func (f *faults) chanced() bool {
	for _, i := range f.injected() {
		if i.when().Chance > 0 || i.disk != nil && i.disk.CutPower != nil && *i.disk.CutPower == TearUnsynced {
			return true
		}
	}
	return false
}

// failedDisk tells whether an operation of the disk was made to fail.
func (f *faults) failedDisk() bool {
	for _, i := range f.injected() {
		if i.disk != nil && i.disk.Err != nil && i.Hits() > 0 {
			return true
		}
	}
	return false
}

func (i *Injected) when() When {
	if i.request != nil {
		return i.request.When
	}
	return i.disk.When
}

// strikes tells whether the fault hits the next of what it concerns.
func (i *Injected) strikes(client string) bool {
	i.all.mu.Lock()
	defer i.all.mu.Unlock()
	w := i.when()
	if i.gone || w.Times > 0 && i.hits >= w.Times {
		return false
	}
	i.seen[client]++
	if i.left > 0 {
		i.left--
		return false
	}
	if w.Chance > 0 && w.Chance < i.all.draw(i.number, client, i.seen[client]) {
		return false
	}
	i.hits++
	i.all.node.wire.changed.tell()
	return true
}

// draw is a number from 0 to 1 that depends on nothing but the seed and the arguments.
func (f *faults) draw(fault uint64, client string, nth uint64) float64 {
	h := fnv.New64a()
	var numbers [24]byte
	binary.BigEndian.PutUint64(numbers[:], f.seed)
	binary.BigEndian.PutUint64(numbers[8:], fault)
	binary.BigEndian.PutUint64(numbers[16:], nth)
	h.Write(numbers[:])
	h.Write([]byte(client))
	return float64(mix(h.Sum64())) / math.MaxUint64
}

// mix spreads what differs in the last bits over all of them (SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// verdict is what all faults together do with a request.
type verdict struct {
	effect             Effect
	by                 *Injected // what the effect is of
	delay, answerDelay time.Duration
}

// judge asks all faults about a request. Delays add up; the first effect counts.
func (f *faults) judge(names *look, r *request) verdict {
	var v verdict
	for _, i := range f.injected() {
		if i.request == nil || !i.request.concerns(names, r) || !i.strikes(r.client) {
			continue
		}
		v.delay += i.request.Delay
		v.answerDelay += i.request.AnswerDelay
		if v.effect == None {
			v.effect, v.by = i.request.Do, i
		}
	}
	return v
}

// disk is what the faults do with an operation of the disk.
func (f *faults) disk(op vfs.Op) error {
	for _, i := range f.injected() {
		if i.disk == nil || !i.disk.concerns(op) || !i.strikes("") {
			continue
		}
		if i.disk.Delay > 0 {
			time.Sleep(i.disk.Delay)
		}
		if i.disk.CutPower != nil {
			f.node.cutPower(*i.disk.CutPower)
			return vfs.ErrCrashed
		}
		if i.disk.Err != nil && i.disk.AfterEffect {
			return vfs.AfterEffect(i.disk.Err)
		}
		if i.disk.Err != nil {
			return i.disk.Err
		}
	}
	return nil
}

// RemoveFaults removes all faults that were injected.
func (n *Node) RemoveFaults() { n.faults.removeAll() }
