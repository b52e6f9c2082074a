//go:build !chaos

package main

import "time"

// clock tells the broker the time.
func clock() (func() time.Time, error) { return time.Now, nil }
