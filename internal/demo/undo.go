package demo

import "strings"

// Undo says which order a line of a cancellation takes units back from.
type Undo struct {
	Order    string `json:"order"`
	Quantity int64  `json:"quantity"`
}

// undoer finds the orders that a cancellation undoes. The data does not name
// them: a cancellation has a number of its own. So it is inferred: the latest
// orders of the same customer for the same article, as long as they have units
// that were not cancelled before. What was bought without an account, or
// before the data begins, has no order here.
type undoer struct {
	bought map[purchase][]Undo // what is left of each order, oldest first
}

type purchase struct{ customer, stockCode string }

func newUndoer() *undoer { return &undoer{bought: make(map[purchase][]Undo)} }

// buy notes a line of an order.
func (u *undoer) buy(order, customer, stockCode string, quantity int64) {
	if customer == "" {
		return
	}
	key := purchase{customer, stockCode}
	left, ok := u.bought[key]
	if !ok { // do not keep the whole row in memory for the sake of its key
		key = purchase{strings.Clone(customer), strings.Clone(stockCode)}
	}
	u.bought[key] = append(left, Undo{order, quantity})
}

// cancel takes quantity units back and says from which orders, latest first.
// The sum may be less than quantity.
func (u *undoer) cancel(customer, stockCode string, quantity int64) []Undo {
	key := purchase{customer, stockCode}
	left := u.bought[key]
	var undone []Undo
	for quantity > 0 && len(left) > 0 {
		latest := &left[len(left)-1]
		n := min(quantity, latest.Quantity)
		undone = append(undone, Undo{latest.Order, n})
		latest.Quantity -= n
		quantity -= n
		if latest.Quantity == 0 {
			left = left[:len(left)-1]
		}
	}
	if undone != nil {
		u.bought[key] = left
	}
	return undone
}
