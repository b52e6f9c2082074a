package api

import (
	"math/rand/v2"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// randomMessage fills every field of one of kmsg's messages, so that what is
// written and read differs from field to field.
func randomMessage(r *rand.Rand, message any) {
	fill(r, reflect.ValueOf(message).Elem())
}

func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "UnknownTags" && name != "Version" {
				fill(r, v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(randomBytes(r))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Pointer:
		if r.IntN(4) == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.String:
		v.SetString(string(randomBytes(r)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.Uint8:
		v.SetUint(r.Uint64())
	default:
		v.SetInt(r.Int64())
	}
}

func randomBytes(r *rand.Rand) []byte {
	b := make([]byte, r.IntN(12))
	if r.IntN(10) == 0 {
		b = make([]byte, 100+r.IntN(300)) // compact lengths of two bytes
	}
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return b
}

// randomRequest makes a request of a key and version, and its body.
func randomRequest(r *rand.Rand, key kmsg.Key, version int16) (kmsg.Request, []byte) {
	q := kmsg.RequestForKey(int16(key))
	randomMessage(r, q)
	q.SetVersion(version)
	return q, q.AppendTo(nil)
}
