// Package group looks over its wall.
package group

import (
	_ "sync" // want purity

	_ "github.com/leatmq/leat/log/record"
	_ "github.com/leatmq/leat/partition" // want direction purity
)

// Answer is not here: TODO // want words
type Answer struct{}

// Later is a function.
//
// It is not implemented. // want words
func Later() {}
