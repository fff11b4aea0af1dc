package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// columns are the columns of the order data, in the order of [rawRow].
var columns = [...]string{
	"InvoiceNo", "StockCode", "Description", "Quantity",
	"InvoiceDate", "UnitPrice", "CustomerID", "Country",
}

const (
	colInvoice = iota
	colStockCode
	colDescription
	colQuantity
	colDate
	colPrice
	colCustomer
	colCountry
)

// rawRow is one row as it stands in the file.
type rawRow struct {
	// number counts the rows after the header, from 1.
	number int
	// fields are in the order of columns, whatever the file's order is.
	fields [len(columns)]string
	// malformed says that the row is not CSV of as many fields as the header;
	// fields are empty then.
	malformed bool
}

// Row is one order line, as far as a row can be one.
type Row struct {
	Invoice     string
	StockCode   string // upper case: the data spells some articles both ways
	Description string
	Quantity    int64     // units; negative in a cancellation
	At          time.Time // wall clock in the United Kingdom, written as UTC
	Price       Money     // of one unit; never negative
	Customer    string    // empty: bought without an account
	Country     string
}

// rowReader streams the rows of a CSV file with a header line.
type rowReader struct {
	csv    *csv.Reader
	column [len(columns)]int // where each of columns stands in the file
	width  int
	number int
}

func newRowReader(r io.Reader) (*rowReader, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header line: %w", err)
	}
	rr := &rowReader{csv: c, width: len(header)}
	where := make(map[string]int, len(header))
	for i, name := range header {
		where[strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")] = i
	}
	for i, name := range columns {
		at, ok := where[name]
		if !ok {
			return nil, fmt.Errorf("the header line has no column %q; needed are %s", name, strings.Join(columns[:], ","))
		}
		rr.column[i] = at
	}
	return rr, nil
}

// next returns the next row, or io.EOF. A row that is not well-formed CSV is
// returned as malformed: it is for the caller to refuse.
func (r *rowReader) next() (rawRow, error) {
	record, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return rawRow{}, io.EOF
	}
	r.number++
	row := rawRow{number: r.number}
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		row.malformed = true
	case err != nil:
		return rawRow{}, fmt.Errorf("row %d: %w", r.number, err)
	case len(record) != r.width:
		row.malformed = true
	default:
		for i, at := range r.column {
			row.fields[i] = strings.TrimSpace(record[at])
		}
	}
	return row, nil
}

const (
	dateLayout = "2006-01-02 15:04:05"
	// maxQuantity bounds one line, so that no sum over an invoice can overflow.
	maxQuantity = 10_000_000
	// maxField bounds a field in bytes (the longest of the year has 35), so
	// that an invoice stays well below the size limit of a record.
	maxField = 200
)

// parse reads the fields of a row, or says why it cannot be read.
func (raw rawRow) parse() (Row, Reason) {
	f := raw.fields
	if raw.malformed {
		return Row{}, ReasonMalformed
	}
	for _, field := range f {
		if len(field) > maxField {
			return Row{}, ReasonOverlong
		}
		if !utf8.ValidString(field) {
			return Row{}, ReasonEncoding
		}
	}
	row := Row{
		Invoice: f[colInvoice], StockCode: strings.ToUpper(f[colStockCode]), Description: f[colDescription],
		Customer: strings.TrimSuffix(f[colCustomer], ".0"), Country: f[colCountry],
	}
	var errQuantity, errDate, errPrice error
	row.Quantity, errQuantity = strconv.ParseInt(f[colQuantity], 10, 64)
	row.At, errDate = time.Parse(dateLayout, f[colDate])
	row.Price, errPrice = parseMoney(f[colPrice])
	switch {
	case row.Invoice == "":
		return Row{}, ReasonNoInvoice
	case row.StockCode == "":
		return Row{}, ReasonNoStockCode
	case errQuantity != nil || row.Quantity > maxQuantity || row.Quantity < -maxQuantity:
		return Row{}, ReasonQuantity
	case errDate != nil:
		return Row{}, ReasonDate
	case errPrice != nil || row.Price > maxPrice || row.Price < -maxPrice:
		return Row{}, ReasonPrice
	}
	return row, ""
}
