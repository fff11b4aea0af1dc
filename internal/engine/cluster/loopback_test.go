package cluster

import (
	"testing"
)

func TestLoopbackIsOnlyWhatNobodyElseCanReach(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9092": true, "127.8.8.8:1": true, "[::1]:9092": true, "localhost:0": true, "a.localhost:1": true,
		"0.0.0.0:9092": false, ":9092": false, "[::]:9092": false, "10.0.0.1:9092": false,
		"localhost.example.org:1": false, "broker:9092": false, "127.0.0.1": true, "login.example.org": false, "": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
}
