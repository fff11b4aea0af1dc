package banktest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// worker is one that always comes back: whatever happens to its process, another
// with the same transactional id and the same place in the group takes over.
type worker struct {
	bank *Bank
	name string
	rng  *rand.Rand // owned by run
}

// run starts processes until ctx ends, each when the one before is as good as
// gone.
func (w *worker) run(ctx context.Context) error {
	var gone sync.WaitGroup
	defer gone.Wait()
	for ctx.Err() == nil {
		p, err := w.start(ctx)
		if err != nil {
			return err
		}
		life := w.bank.cfg.Life/10 + time.Duration(w.rng.Int64N(int64(w.bank.cfg.Life)*9/10))
		select {
		case <-ctx.Done():
		case <-time.After(life):
		}
		after := time.Duration(w.rng.IntN(400)) * time.Millisecond
		switch fate := w.rng.IntN(10); {
		case ctx.Err() != nil || fate < 2:
			gone.Go(p.leave)
		case fate < 7:
			w.bank.cfg.Logf("%s is killed", w.name)
			gone.Go(p.kill)
		default:
			w.bank.cfg.Logf("%s is frozen", w.name)
			p.wire.freeze()
			gone.Go(func() { p.haunt(after) })
		}
	}
	return nil
}

// process is one client of a worker.
type process struct {
	names   names
	wire    *wire
	session *kgo.GroupTransactSession
	rng     *rand.Rand // owned by work
	cancel  context.CancelFunc
	done    chan struct{} // closed when work has ended
}

func (w *worker) start(ctx context.Context) (*process, error) {
	p := &process{names: w.bank.names, wire: new(wire), rng: rand.New(rand.NewPCG(w.rng.Uint64(), 0)), done: make(chan struct{})}
	opts := w.bank.options(p.wire)
	if w.bank.cfg.Static {
		opts = append(opts, kgo.InstanceID(w.name))
	}
	session, err := kgo.NewGroupTransactSession(append(opts,
		kgo.TransactionalID(w.name), kgo.TransactionTimeout(2*time.Second),
		kgo.ConsumerGroup(w.bank.names.group), kgo.ConsumeTopics(w.bank.names.orders),
		kgo.HeartbeatInterval(50*time.Millisecond), kgo.RebalanceTimeout(2*time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ProducerLinger(0),
	)...)
	if err != nil {
		return nil, err
	}
	p.session = session
	ctx, p.cancel = context.WithCancel(ctx)
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			if p.work(ctx) != nil {
				select { // its producer may be fenced: it is of no use any more
				case <-ctx.Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
	}()
	return p, nil
}

// kill ends the process with whatever it was doing.
func (p *process) kill() {
	p.cancel()
	p.wire.kill()
	p.session.Close()
	<-p.done
}

// leave ends the process in order, unless that takes too long. Only closing ends
// records that were sent and not answered: whether they count is not known.
func (p *process) leave() {
	p.cancel()
	late := time.AfterFunc(time.Second, p.wire.kill)
	defer late.Stop()
	select {
	case <-p.done:
		p.session.Close()
	case <-time.After(time.Second):
		p.kill()
	}
}

// haunt lets a frozen process go on for a while when its successor has begun.
func (p *process) haunt(after time.Duration) {
	time.Sleep(after)
	p.wire.thaw()
	time.Sleep(100 * time.Millisecond)
	p.kill()
}

// work carries out some orders in one transaction, or aborts it at will.
func (p *process) work(ctx context.Context) error {
	fetches := p.session.PollRecords(ctx, 1+p.rng.IntN(20))
	if ctx.Err() != nil || fetches.NumRecords() == 0 {
		return ctx.Err()
	}
	if err := p.session.Begin(); err != nil {
		return err
	}
	how := kgo.TransactionEndTry(p.rng.IntN(8) > 0)
	var failed error
	for _, r := range fetches.Records() {
		if err := p.carryOut(ctx, r); err != nil {
			failed = err
		}
	}
	if failed != nil {
		how = kgo.TryAbort
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := p.session.End(ctx, how)
	return err
}

func (p *process) carryOut(ctx context.Context, r *kgo.Record) error {
	var o order
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return fmt.Errorf("order at offset %d: %w", r.Offset, err)
	}
	debit, err := record(p.names.entries, o.From, entry{o.ID, o.From, -o.Amount})
	if err != nil {
		return err
	}
	credit, err := record(p.names.entries, o.To, entry{o.ID, o.To, o.Amount})
	if err != nil {
		return err
	}
	return p.session.ProduceSync(ctx, debit, credit).FirstErr()
}
