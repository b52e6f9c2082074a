// Package dump prints what the files of a partition directory hold, in the
// shape of Kafka's own log dump, so that both can be compared line by line.
package dump
