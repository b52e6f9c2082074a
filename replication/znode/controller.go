package znode

import (
	"fmt"
	"strconv"
)

// Controller is who was elected.
type Controller struct {
	BrokerID  int32
	Timestamp int64 // milliseconds
}

// EncodeController writes version 2.
func EncodeController(c Controller) []byte {
	return fmt.Appendf(nil, `{"version":2,"brokerid":%d,"timestamp":"%d","kraftControllerEpoch":-1}`, c.BrokerID, c.Timestamp)
}

// DecodeController reads versions 1 and 2.
func DecodeController(data []byte) (Controller, error) {
	var j struct {
		BrokerID  *int32 `json:"brokerid"`
		Timestamp string `json:"timestamp"`
	}
	if err := decode("controller", data, &j); err != nil {
		return Controller{}, err
	}
	if j.BrokerID == nil {
		return Controller{}, fmt.Errorf("controller: %w: no brokerid", ErrMalformed)
	}
	c := Controller{BrokerID: *j.BrokerID}
	if ms, err := strconv.ParseInt(j.Timestamp, 10, 64); err == nil {
		c.Timestamp = ms
	}
	return c, nil
}

// EncodeClusterID writes version 1, whose version is text.
func EncodeClusterID(id string) []byte {
	b := appendString([]byte(`{"version":"1","id":`), id)
	return append(b, '}')
}

// DecodeClusterID reads version 1.
func DecodeClusterID(data []byte) (string, error) {
	var j struct {
		ID string `json:"id"`
	}
	if err := decode("cluster id", data, &j); err != nil {
		return "", err
	}
	if j.ID == "" {
		return "", fmt.Errorf("cluster id: %w: empty", ErrMalformed)
	}
	return j.ID, nil
}

// ProducerIDs is the block of producer ids given last: First to Last, both
// included, to a broker.
type ProducerIDs struct {
	Broker      int32
	First, Last int64
}

// EncodeProducerIDs writes version 1.
func EncodeProducerIDs(p ProducerIDs) []byte {
	return fmt.Appendf(nil, `{"version":1,"broker":%d,"block_start":"%d","block_end":"%d"}`, p.Broker, p.First, p.Last)
}

// DecodeProducerIDs reads version 1. The node without data, before the first
// block, gives ok false.
func DecodeProducerIDs(data []byte) (p ProducerIDs, ok bool, err error) {
	if len(data) == 0 {
		return ProducerIDs{}, false, nil
	}
	var j struct {
		Broker int32 `json:"broker"`
		First  int64 `json:"block_start,string"`
		Last   int64 `json:"block_end,string"`
	}
	if err := decode("producer ids", data, &j); err != nil {
		return ProducerIDs{}, false, err
	}
	if j.First < 0 || j.Last < j.First {
		return ProducerIDs{}, false, fmt.Errorf("producer ids: %w: block %d to %d", ErrMalformed, j.First, j.Last)
	}
	return ProducerIDs{Broker: j.Broker, First: j.First, Last: j.Last}, true, nil
}
