package demo

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// read returns all rows of a CSV text.
func read(t *testing.T, text string) []rawRow {
	t.Helper()
	rows, err := newRowReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []rawRow
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
}

// reasonFor parses and judges one row.
func reasonFor(raw rawRow) Reason {
	row, reason := raw.parse()
	if reason == "" {
		reason = judge(row)
	}
	return reason
}

func TestEachRowIsAcceptedOrRefusedForOneReason(t *testing.T) {
	for _, c := range []struct {
		line string
		want Reason
	}{
		{`536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ""},
		{`C536379,22632,HAND WARMER,-1,2010-12-01 09:41:00,2.55,14527.0,United Kingdom`, ""},
		{`536365,85123A,"7"" FRAME, RED",6,2010-12-01 08:26:00,2.55,,United Kingdom`, ""},
		{`536365,85123A,,6,2010-12-01 08:26:00,0.0,17850.0,United Kingdom`, ""},
		{`536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0`, ReasonMalformed},
		{`536365,85123A,T-LIGHT "HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonMalformed},
		{`536365,85123A,` + strings.Repeat("x", 201) + `,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonOverlong},
		{"536365,GIFT_0001_40,Voucher \xa340,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom", ReasonEncoding},
		{`,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonNoInvoice},
		{`536365, ,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonNoStockCode},
		{`536365,85123A,T-LIGHT HOLDER,six,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonQuantity},
		{`536365,85123A,T-LIGHT HOLDER,10000001,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonQuantity},
		{`536365,85123A,T-LIGHT HOLDER,6,2010-13-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonDate},
		{`536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,two,17850.0,United Kingdom`, ReasonPrice},
		{`536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,1000000.01,17850.0,United Kingdom`, ReasonPrice},
		{`A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom`, ReasonAdjustment},
		{`C540117,AMAZONFEE,AMAZON FEE,-1,2011-01-05 09:55:00,16888.02,,United Kingdom`, ReasonFee},
		{`536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,-2.55,17850.0,United Kingdom`, ReasonNegative},
		{`536365,85123A,T-LIGHT HOLDER,0,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`, ReasonZero},
		{`538072,22423,faulty,-13,2010-12-09 14:10:00,0.0,,United Kingdom`, ReasonWriteOff},
		{`C536379,22632,HAND WARMER,1,2010-12-01 09:41:00,2.55,14527.0,United Kingdom`, ReasonWrongSign},
		{`538128,21357,,46,2010-12-09 15:54:00,0.0,,United Kingdom`, ReasonCorrection},
	} {
		rows := read(t, header+c.line+"\n"+c.line+"\n")
		if len(rows) != 2 {
			t.Errorf("%s: %d rows, want 2: one bad row must not swallow the next", c.line, len(rows))
			continue
		}
		for _, row := range rows {
			if got := reasonFor(row); got != c.want {
				t.Errorf("row %d, %s: %q, want %q", row.number, c.line, got, c.want)
			}
		}
	}
}

func TestRowsAreReadByColumnName(t *testing.T) {
	rows := read(t, "\ufeffCountry,CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo,Extra\r\n"+
		"EIRE,14911.0,4.25,2011-07-01 10:00:00,3, CAKE STAND ,22423a,558000,x\r\n")
	row, reason := rows[0].parse()
	want := Row{
		Invoice: "558000", StockCode: "22423A", Description: "CAKE STAND", Quantity: 3,
		At: time.Date(2011, 7, 1, 10, 0, 0, 0, time.UTC), Price: 4250, Customer: "14911", Country: "EIRE",
	}
	if reason != "" || row != want {
		t.Errorf("got %+v, %q; want %+v", row, reason, want)
	}
}

func TestMissingColumnIsNamed(t *testing.T) {
	_, err := newRowReader(strings.NewReader("InvoiceNo,StockCode\n1,2\n"))
	if err == nil || !strings.Contains(err.Error(), `no column "Description"`) {
		t.Errorf("got %v, want the column that is missing", err)
	}
}

func TestRemarksAndDefectsMayBeSeveral(t *testing.T) {
	row := Row{Invoice: "1", StockCode: "POST", Quantity: -1}
	if got := remarks(row); !slices.Equal(got, []Remark{RemarkGuest, RemarkUndescribed, RemarkFree, RemarkService}) {
		t.Errorf("remarks: %q", got)
	}
	if got := defects(row); !slices.Equal(got, []Defect{DefectNoCustomer, DefectNoDescription, DefectNoPrice, DefectNegative}) {
		t.Errorf("defects: %q", got)
	}
	clean := Row{Invoice: "1", StockCode: "22423", Description: "CAKE STAND", Quantity: 1, Price: 1, Customer: "1"}
	if got := len(remarks(clean)) + len(defects(clean)); got != 0 {
		t.Errorf("a clean row has %d remarks and defects", got)
	}
}

func TestOrdersFileMayBePlainOrCompressed(t *testing.T) {
	text := []byte(header + "536365,85123A,T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n")
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"plain.csv": text, "packed.csv.zst": encoder.EncodeAll(text, nil)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		orders, err := openOrders(path)
		if err != nil {
			t.Fatal(err)
		}
		if row, err := orders.rows.next(); err != nil || row.fields[colInvoice] != "536365" {
			t.Errorf("%s: got %v, %v", name, row, err)
		}
		if err := orders.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTruncatedCompressedFileIsAnErrorNotAnEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.csv.zst")
	if err := os.WriteFile(path, day[:len(day)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	orders, err := openOrders(path)
	for err == nil {
		_, err = orders.rows.next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
