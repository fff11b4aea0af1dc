package ledger

import "time"

// heartbeat is after how long a checkpoint that did not change is signed again.
// The newer time in it tells those who follow the log that it is quiet, and not
// cut off or held back.
const heartbeat = time.Minute

// beat signs the root log again if that was long ago.
func (l *Ledger) beat() error {
	if time.Since(l.signed.Load().at) < heartbeat {
		return nil
	}
	return l.sign()
}
