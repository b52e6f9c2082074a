package log

// Close makes everything durable, so that the next Open can trust it, and closes
// the log. Slices that are still held stay readable. When it returns an error, the
// directory must not be marked clean.
func (l *Log) Close() error { return l.conclude(l.writeMeta, l.syncSettled) }

// CloseWith is Close for one of many logs: it writes what Close writes and closes
// the log, and does not wait for the disk. sync, called in between, must return when
// all that was written before it is durable: for thousands of logs, one vfs.Barrier
// is far cheaper than the syncs of each. The names of files, which change after it,
// are the caller's to sync.
func (l *Log) CloseWith(sync func() error) error {
	return l.conclude(l.draftMeta, func() error {
		if err := sync(); err != nil {
			return l.fail("close", err)
		}
		return l.placeMeta()
	})
}

// conclude writes everything, has it synced, and closes the log.
func (l *Log) conclude(meta, sync func() error) error {
	l.sync.exclude()
	defer l.sync.leave()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return nil
	}
	err := l.usable()
	for _, step := range []func() error{meta, l.settle, sync} {
		if err == nil {
			err = step()
		}
	}
	if err == nil {
		l.sync.done.Store(l.EndOffset())
	}
	l.shut()
	return err
}

// settle writes what Open with Clean wants to find, but for the topic's id.
func (l *Log) settle() error {
	if err := l.writeDirtyEpochs(); err != nil {
		return err
	}
	if err := l.takeSnapshot(l.EndOffset()); err != nil {
		return l.fail("close", err)
	}
	return l.fail("close", l.active().Seal())
}

// syncSettled makes what settle wrote durable.
func (l *Log) syncSettled() error {
	if l.RecoveryPoint() < l.EndOffset() {
		if err := l.syncNow(); err != nil {
			return err
		}
	}
	if err := l.active().SyncIndexes(); err != nil { // the data is on disk already
		return l.fail("close", err)
	}
	return l.fail("close", l.syncNames())
}

// shut lets go of files and memory.
func (l *Log) shut() {
	l.closed.Store(true)
	for _, s := range *l.segments.Load() {
		s.Close()
	}
}

// Delete closes the log and removes its directory. Slices that are still held stay
// readable.
func (l *Log) Delete() error {
	l.sync.exclude()
	defer l.sync.leave()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shut()
	return l.fail("delete", l.fs().RemoveAll(l.Dir()))
}

// Rename moves the log's directory. Reading and appending go on.
func (l *Log) Rename(dir string) error {
	if l.closed.Load() {
		return ErrClosed
	}
	if err := l.home.Move(dir); err != nil {
		return l.fail("rename", err)
	}
	return nil
}
