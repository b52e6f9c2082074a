package wait

// Len returns how many deadlines are set.
func (d *Deadlines) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.heap)
}
