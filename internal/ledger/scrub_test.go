package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// A checkpoint that rots is found though nobody asks for it.
func TestARottenCheckpointIsFoundWithinADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		if err := errors.Join(disk.MkdirAll("/data"), disk.SyncDir("/")); err != nil {
			t.Fatal(err)
		}
		var alarms []string
		l, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: "example.com/events", Alarm: func(a string) { alarms = append(alarms, a) }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.KeepNewest(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() { l.WatchKept(ctx); close(watched) }()
		time.Sleep(scrubEvery)
		synctest.Wait()
		if len(alarms) > 0 {
			t.Errorf("alarms %q without damage", alarms)
		}
		f, err := disk.Open("/data/ledger/checkpoints/kept", vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("rot"), 4096+100)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(scrubEvery)
		synctest.Wait()
		if strings.Join(alarms, " ") != KeptAlarm {
			t.Errorf("alarms %q", alarms)
		}
		stop()
		<-watched
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
