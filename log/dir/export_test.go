package dir

// IdleSecond does what a directory does every second.
func IdleSecond(d *Dir) {
	now := d.set.o.Now()
	d.checkSpace()
	d.flushDue(now)
	d.removeExpired(now)
}
