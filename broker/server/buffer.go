package server

import (
	"math/bits"
	"sync"
)

// Buffers come in classes: 4 KiB, 16 KiB, then powers of two from 64 KiB to 16 MiB
// with some room on top, so that a batch of round size fits together with the
// request around it. Larger ones are made to measure and left to the collector.
const (
	classSmall  = 4 << 10
	classMedium = 16 << 10
	classFirst  = 64 << 10 // the first with room on top
	classRoom   = 8 << 10
	classLast   = 16 << 20
	classes     = 11
)

// buffer is a pooled block of memory; its capacity never changes.
type buffer struct {
	b     []byte
	class int // index of its pool, -1 if it has none
}

var bufferPools [classes]sync.Pool

// classOf returns the class that holds n bytes and its size; class -1 if none does.
func classOf(n int) (class, size int) {
	switch {
	case n <= classSmall:
		return 0, classSmall
	case n <= classMedium:
		return 1, classMedium
	case n > classLast+classRoom:
		return -1, (n + classRoom - 1) &^ (classRoom - 1)
	case n <= classFirst+classRoom:
		return 2, classFirst + classRoom
	}
	power := bits.Len(uint(n - classRoom - 1))
	return power - 14, 1<<power + classRoom
}

// takeBuffer returns a buffer of at least n bytes, contents undefined.
func takeBuffer(n int) *buffer {
	class, size := classOf(n)
	if class >= 0 {
		if b, ok := bufferPools[class].Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{b: make([]byte, size), class: class}
}

// give puts the buffer back; nobody may use it afterwards.
func (b *buffer) give() {
	if b.class >= 0 {
		bufferPools[b.class].Put(b)
	}
}

// answersKept is the largest body buffer that a pooled answer keeps.
const answersKept = 64 << 10

var answerPool = sync.Pool{New: func() any { return &answer{} }}

// takeAnswer returns an empty answer.
func takeAnswer() *answer { return answerPool.Get().(*answer) }

// give empties the answer and puts it back.
func (a *answer) give() {
	a.Reset()
	w := a.Response
	if cap(w.Buf) > answersKept {
		w.Buf = nil
	}
	*a = answer{Response: w}
	answerPool.Put(a)
}
