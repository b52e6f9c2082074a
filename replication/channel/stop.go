package channel

import "github.com/twmb/franz-go/pkg/kmsg"

// StopReplica is a request to be written and read as Kafka does it: in version 4
// package kmsg has two fields in the other order.
//
//	Kafka  controller int32 | is KRaft bool | controller epoch int32 | ...
//	kmsg   controller int32 | controller epoch int32 | is KRaft bool | ...
type StopReplica struct{ *kmsg.StopReplicaRequest }

// AppendTo writes the request.
func (q StopReplica) AppendTo(dst []byte) []byte {
	start := len(dst)
	dst = q.StopReplicaRequest.AppendTo(dst)
	if q.Version >= 4 {
		b := dst[start+4:]
		b[0], b[1], b[2], b[3], b[4] = b[4], b[0], b[1], b[2], b[3]
	}
	return dst
}

// ReadFrom reads the request. It keeps nothing of src.
func (q StopReplica) ReadFrom(src []byte) error { return q.read(src, q.StopReplicaRequest.ReadFrom) }

// UnsafeReadFrom is ReadFrom, but names may point into src.
func (q StopReplica) UnsafeReadFrom(src []byte) error {
	return q.read(src, q.StopReplicaRequest.UnsafeReadFrom)
}

func (q StopReplica) read(src []byte, read func([]byte) error) error {
	if q.Version < 4 || len(src) < 9 {
		return read(src)
	}
	turned := make([]byte, len(src))
	copy(turned, src)
	copy(turned[4:8], src[5:9])
	turned[8] = src[4]
	return read(turned)
}

// onWire is a request as it is to be written and read.
func onWire(req kmsg.Request) kmsg.Request {
	if q, ok := req.(*kmsg.StopReplicaRequest); ok {
		return StopReplica{q}
	}
	return req
}
