package mqtt

// Cut drops the connection without a goodbye, as a tunnel or an empty battery does; the broker publishes the last will.
// The device does not reconnect.
func (d *Device) Cut() {
	d.once.Do(func() {
		close(d.closed)
		d.client.Disconnect(0)
	})
}
