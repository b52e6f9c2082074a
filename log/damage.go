package log

// DropDamage looks at every batch from the segment on that holds an offset, removes
// the first that is not sound and everything behind it, and returns the new end. A
// follower does so with a log whose disk has changed records, to get them from its
// leader once more. Where nothing is wrong nothing is removed.
//
// Crash points: up to the cut, the log is as damaged as before; behind it, as after a
// crash at the new end, for the recovery point goes down first.
func (l *Log) DropDamage(offset int64) (end int64, err error) {
	l.willCut(offset)
	l.sync.exclude()
	defer l.sync.leave()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return l.EndOffset(), err
	}
	defer l.cutting()()
	list := *l.segments.Load()
	n := floor(list, offset)
	l.lowerRecoveryPoint(list[n].Base())
	if err := l.recoverFrom(n); err != nil {
		return l.EndOffset(), l.fail("drop damage", err)
	}
	end = max(l.active().Next(), l.StartOffset())
	if end < l.EndOffset() {
		l.logger().Error("removed damaged records and what followed them", "from", end, "end", l.EndOffset())
	}
	l.end.Store(end)
	l.began()
	l.cutEpochs(end)
	if err := l.removeSnapshots(func(at int64) bool { return at > end }); err != nil {
		return end, l.fail("drop damage", err)
	}
	if err := l.loadProducers(end); err != nil {
		return end, l.failRead("drop damage", err)
	}
	return end, l.writeDirtyEpochs()
}
