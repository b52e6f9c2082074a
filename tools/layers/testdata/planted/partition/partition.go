// Package partition logs in the wrong way.
package partition // want package-doc

import (
	"errors"
	"log" // want std-log

	_ "github.com/leatmq/leat/log"
	_ "github.com/leatmq/leat/replication" // want direction
)

var last error

func init() { last = errors.New("none") } // want init

func fail() error { return last }

// Tell throws an error away.
func Tell() {
	log.Print("x")
	_ = fail() // want swallowed
}

// Run may start goroutines.
func Run() { go Tell() }

// Begin may not.
func Begin() { go Tell() } // want goroutine
