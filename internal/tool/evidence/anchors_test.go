package evidence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// blockHeader is the header of Bitcoin block 358391.
const blockHeader = "02000000b96394585a281b7e5f438fd1c9ed492645a1fd61cb3802040000000000000000" +
	"007ee445d23ad061af4a36b809501fab1ac4f2d7e7a739817dd0cbb7ec661b8a1e376755f58616186272def6"

func TestHeadersComeFromFlagsAndFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("# mine\n358391:"+blockHeader+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, given := range [][]string{{file}, {"358391:" + blockHeader}, {file, "358391:" + blockHeader}} {
		anchors, err := Blocks{BitcoinHeaders: given}.anchors()
		if err != nil {
			t.Fatal(err)
		}
		if v := anchors["opentimestamps"].(opentimestamps.Verifier); len(v.Headers) != 1 {
			t.Errorf("%v: %d headers", given, len(v.Headers))
		}
	}
}

func TestWhatIsNoBlockIsAUsageError(t *testing.T) {
	for want, b := range map[string]Blocks{
		"--bitcoin-header: \"nowhere\" is neither": {BitcoinHeaders: []string{"nowhere"}},
		"it was altered":                           {BitcoinHeaders: []string{"358391:03" + blockHeader[2:]}},
		"write HEIGHT:HEX":                         {BitcoinHeaders: []string{"x:" + blockHeader}},
		"--ethereum-block: \"0x12\" is not a hash": {EthereumBlocks: []string{"0x12"}},
		"--ethereum-contract: ":                    {EthereumContract: "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
	} {
		_, err := b.anchors()
		var usage *tool.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
