// Package shard runs the state machine of one internal partition: decide, append, apply,
// answer.
package shard
