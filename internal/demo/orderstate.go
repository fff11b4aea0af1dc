package demo

// storeOrders has the status of each order, under its number: it is read over HTTP.
const storeOrders = "orders"

// orderState keeps where each order stands for whoever asks. Statuses of an order
// are in its own partition, in their order.
func orderState(w *work) error {
	if w.event.Type != OrderStatusUpdated {
		return nil
	}
	return with(w, func(w *work, s OrderStatus) error {
		return save(w.step, storeOrders, []byte(s.Order), s)
	})
}
