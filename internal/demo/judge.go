package demo

import "strings"

// Reason says why a row is refused: it cannot be a line of an order.
type Reason string

// The reasons for which a row is refused. A row has exactly one: the first
// that applies, in this order.
const (
	ReasonMalformed   Reason = "malformed row"
	ReasonOverlong    Reason = "overlong field"
	ReasonEncoding    Reason = "text that is not UTF-8"
	ReasonNoInvoice   Reason = "no invoice number"
	ReasonNoStockCode Reason = "no stock code"
	ReasonQuantity    Reason = "unreadable quantity"
	ReasonDate        Reason = "unreadable invoice date"
	ReasonPrice       Reason = "unreadable unit price"
	ReasonAdjustment  Reason = "bookkeeping entry, not an order"
	ReasonFee         Reason = "fee of a bank or marketplace, not goods"
	ReasonNegative    Reason = "negative unit price"
	ReasonZero        Reason = "quantity of zero"
	ReasonWriteOff    Reason = "stock written off (negative quantity outside a cancellation)"
	ReasonWrongSign   Reason = "positive quantity in a cancellation"
	ReasonCorrection  Reason = "stock correction (no price and no customer)"
	ReasonLate        Reason = "late row of an invoice already sent"
	ReasonConflict    Reason = "other customer or country than the invoice's earlier rows"
	ReasonTooMany     Reason = "more lines than an invoice may have"
)

// legible reports whether the fields of a row refused for the reason can be
// told apart and passed on as they stand.
func (r Reason) legible() bool {
	return r != ReasonMalformed && r != ReasonOverlong && r != ReasonEncoding
}

// Remark says what is unusual about a row that is accepted. A row may have several.
type Remark string

// The remarks with which a row is accepted.
const (
	RemarkGuest       Remark = "no customer account"
	RemarkUndescribed Remark = "no description"
	RemarkFree        Remark = "free of charge"
	RemarkService     Remark = "carriage, discount, sample or voucher: nothing to take from stock"
	RemarkRepeated    Remark = "same line again in the invoice"
)

// Defect is what is dirty about a row as it stands in the file, whether it is
// then refused or accepted. A row may have several.
type Defect string

// The defects that are counted.
const (
	DefectNoCustomer    Defect = "without CustomerID"
	DefectNoDescription Defect = "without Description"
	DefectNoPrice       Defect = "with a UnitPrice of 0 or less"
	DefectNegative      Defect = "with a Quantity below 0 outside a cancellation"
)

// defects returns what is dirty about a row that could be read.
func defects(row Row) []Defect {
	var all []Defect
	if row.Customer == "" {
		all = append(all, DefectNoCustomer)
	}
	if row.Description == "" {
		all = append(all, DefectNoDescription)
	}
	if row.Price <= 0 {
		all = append(all, DefectNoPrice)
	}
	if row.Quantity < 0 && !isCancellation(row.Invoice) {
		all = append(all, DefectNegative)
	}
	return all
}

// judge decides whether a row that could be read is a line of an order.
func judge(row Row) Reason {
	cancels := isCancellation(row.Invoice)
	switch {
	case !cancels && !startsWithDigit(row.Invoice):
		return ReasonAdjustment
	case isFee(row.StockCode):
		return ReasonFee
	case row.Price < 0:
		return ReasonNegative
	case row.Quantity == 0:
		return ReasonZero
	case row.Quantity < 0 && !cancels:
		return ReasonWriteOff
	case row.Quantity > 0 && cancels:
		return ReasonWrongSign
	case row.Price == 0 && row.Customer == "":
		return ReasonCorrection
	}
	return ""
}

// remarks returns what is unusual about a row that judge accepts.
func remarks(row Row) []Remark {
	var all []Remark
	if row.Customer == "" {
		all = append(all, RemarkGuest)
	}
	if row.Description == "" {
		all = append(all, RemarkUndescribed)
	}
	if row.Price == 0 {
		all = append(all, RemarkFree)
	}
	if isService(row.StockCode) {
		all = append(all, RemarkService)
	}
	return all
}

// isCancellation reports whether an invoice number is that of a cancellation.
func isCancellation(invoice string) bool { return strings.HasPrefix(invoice, "C") }

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// isFee reports whether a stock code stands for what a bank or a marketplace
// charged the retailer (B is a bad debt, CRUK a commission).
func isFee(stockCode string) bool {
	switch stockCode {
	case "BANK CHARGES", "AMAZONFEE", "CRUK", "B":
		return true
	}
	return false
}

// isService reports whether a stock code is paid for but lies on no shelf:
// postage, carriage, manual entries, discounts, samples, gift vouchers.
func isService(stockCode string) bool {
	switch stockCode {
	case "POST", "DOT", "C2", "M", "D", "S":
		return true
	}
	return strings.HasPrefix(stockCode, "GIFT_")
}
