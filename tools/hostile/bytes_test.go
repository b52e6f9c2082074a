package hostile

import (
	"encoding/binary"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offered lists the APIs that the broker tells of.
func (v *victim) offered() []kmsg.ApiVersionsResponseApiKey {
	q := kmsg.NewPtrApiVersionsRequest()
	answer, err := q.RequestWith(v.t.Context(), v.client())
	require.NoError(v.t, err)
	return answer.ApiKeys
}

// fill puts one element into each list and something into each field.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).CanSet() && name != "Version" && name != "UnknownTags" {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.String:
		v.SetString("t")
	}
}

// attack gives for every API and version a request as it should be, and what
// must be done with it, several at once.
func (v *victim) attack(do func(whole []byte)) {
	work := make(chan []byte)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for whole := range work {
				do(whole)
			}
		})
	}
	for _, k := range v.offered() {
		for version := k.MinVersion; version <= k.MaxVersion; version++ {
			q := kmsg.RequestForKey(k.ApiKey)
			q.SetVersion(version)
			fill(reflect.ValueOf(q), 0)
			q.SetVersion(version)
			work <- frame(q)
		}
	}
	close(work)
	all.Wait()
}

// Every request of every version, cut after each byte.
func TestRequestsCutAnywhere(t *testing.T) {
	v := start(t)
	v.attack(func(whole []byte) {
		for n := 4; n <= len(whole); n++ {
			cut := append([]byte(nil), whole[:n]...)
			binary.BigEndian.PutUint32(cut, uint32(n-4))
			v.ends(cut)
		}
	})
	v.unharmed()
}

// Every request of every version with a number at each place that, as the length
// of a list or a text, is far more than there are bytes.
func TestRequestsWithHugeLengths(t *testing.T) {
	v := start(t)
	huge := [][]byte{{0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 0x0f}, {0x00, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0x7f, 0xff}}
	v.attack(func(whole []byte) {
		for n := 12; n < len(whole); n++ {
			for _, h := range huge {
				bad := append([]byte(nil), whole...)
				copy(bad[n:], h)
				v.ends(bad)
			}
		}
	})
	v.unharmed()
}
