package fetch

import (
	"testing"

	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/ledger/source/sourcetest"
)

func TestReader(t *testing.T) {
	sourcetest.Run(t, func(w *sourcetest.World) source.Reader { return NewReader(w.Client, sourcetest.Leader) })
}
