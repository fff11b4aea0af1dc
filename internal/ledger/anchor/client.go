package anchor

import (
	"net/http"
	"time"
)

// patience is how long a server may take to answer.
const patience = 30 * time.Second

// NewClient returns a client for servers of anchors. It follows no redirect: who
// is asked is for the operator to say.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
