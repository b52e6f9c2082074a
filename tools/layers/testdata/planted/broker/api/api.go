// Package api has too much of everything.
package api

import _ "github.com/leatmq/leat/cmd/leat" // want direction

// Five has too many parameters.
func Five(a int, b string, c bool, d byte, e error) {} // want params

// Three has too many of one kind.
func Three(a, b, c int) {} // want params

// Two is natural.
func Two(a, b int, c, d string) {}
