package segment

import (
	"errors"
	"io/fs"
	"time"
)

// SyncData makes the data durable, and not the indexes: enough for the active
// segment, which is recovered after a crash.
func (s *Segment) SyncData() error {
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	return h.file.Sync()
}

// SyncAll makes data and indexes durable, so that they are trusted from then on.
func (s *Segment) SyncAll() error {
	if err := s.SyncData(); err != nil {
		return err
	}
	return s.SyncIndexes()
}

// SyncIndexes writes to the index files what they lack and makes them durable.
func (s *Segment) SyncIndexes() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saveLocked(true)
}

// Save writes to the index files what they lack.
func (s *Segment) Save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saveLocked(false)
}

// Close gives up file and memory; what Slices hold stays open. It does not save
// or sync: see Seal and SyncAll.
func (s *Segment) Close() {
	s.retired.Store(true)
	s.home.files.forget(s)
	s.mu.Lock()
	s.offsets.InFile(0)
	s.times.InFile(0)
	s.txns.InFile(0)
	s.ends = nil
	s.countLocked()
	s.mu.Unlock()
	s.letGo()
}

// Retire takes the segment out of its log: its files get the suffix .deleted. It
// returns their names, to be removed later; Slices stay readable.
func (s *Segment) Retire() (names []string, err error) {
	s.Close()
	for _, name := range s.names() {
		err = errors.Join(err, s.home.rename(name, name+DeletedSuffix))
		names = append(names, name+DeletedSuffix)
	}
	return names, err
}

// Remove takes the segment out of its log and removes its files at once. Slices
// stay readable.
func (s *Segment) Remove() error {
	s.Close()
	var err error
	for _, name := range s.names() {
		err = errors.Join(err, s.home.remove(name))
	}
	return err
}

// names are the files that a segment may have, the log first.
func (s *Segment) names() []string {
	names := []string{Name(s.base) + LogSuffix}
	for _, suffix := range indexSuffixes {
		names = append(names, Name(s.base)+suffix)
	}
	return names
}

// Modified returns when the data file was last written. Error: ErrRetired.
func (s *Segment) Modified() (time.Time, error) {
	var t time.Time
	err := s.home.within(Name(s.base)+LogSuffix, func(path string) error {
		info, err := s.home.fsys.Stat(path)
		if err == nil {
			t = info.ModTime()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) && s.retired.Load() {
		err = ErrRetired
	}
	return t, err
}
