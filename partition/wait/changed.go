package wait

// Changed detaches the chain of links that changed, oldest first, and starts
// counting bytes from nothing. Walk it with Seen; what is not walked goes back
// with Return:
//
//	for k := w.Changed(); k != nil; {
//		if full { w.Return(k); break }
//		next := w.Seen(k)
//		... look at the partition; w.Mark(k) if it must be looked at again ...
//		k = next
//	}
func (w *Watcher) Changed() *Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.first
	w.first, w.last = nil, nil
	w.pending, w.lost = 0, false
	return first
}

// Seen takes the first link off a detached chain and returns the next. From
// now on an event marks the link again, so look at the partition after Seen.
func (w *Watcher) Seen(k *Link) *Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := k.then
	if next != nil {
		next.back = nil
	}
	k.changed, k.back, k.then = false, nil, nil
	return next
}

// Return puts a detached chain back, before what changed since.
func (w *Watcher) Return(k *Link) {
	if k == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	end := k
	for end.then != nil {
		end = end.then
	}
	end.then = w.first
	if w.first != nil {
		w.first.back = end
	} else {
		w.last = end
	}
	w.first = k
}

// Mark puts a link at the end of the chain, if it is not in it already.
func (w *Watcher) Mark(k *Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chain(k)
}

// chain appends the link to the chain; w.mu is held.
func (w *Watcher) chain(k *Link) {
	if k.changed {
		return
	}
	k.changed, k.back = true, w.last
	if w.last != nil {
		w.last.then = k
	} else {
		w.first = k
	}
	w.last = k
}

// unchain removes the link from the chain; w.mu is held.
func (w *Watcher) unchain(k *Link) {
	if k.back != nil {
		k.back.then = k.then
	} else {
		w.first = k.then
	}
	if k.then != nil {
		k.then.back = k.back
	} else {
		w.last = k.back
	}
	k.changed, k.back, k.then = false, nil, nil
}
