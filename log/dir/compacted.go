package dir

import "github.com/leatmq/leat/log/checkpoint"

// Compacted tells whether the cleaner has ever worked on a partition's log:
// cleaner-offset-checkpoint has an entry of it.
func (s *Set) Compacted(p checkpoint.Partition) bool {
	d, ok := s.DirOf(p)
	return ok && d.stored(checkpoint.CleanerFile, p) >= 0
}
