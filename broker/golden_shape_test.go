package broker_test

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// shape describes an answer so that two brokers' answers can be compared: the
// lengths of its arrays, its error codes, and which of its strings are null. A
// path that is missing on one side, or has another value, is a difference.
func shape(m kmsg.Response) map[string]string {
	if d, ok := m.(*kmsg.DescribeConfigsResponse); ok { // in the order of a hash map, with Kafka
		for i := range d.Resources {
			slices.SortFunc(d.Resources[i].Configs, func(a, b kmsg.DescribeConfigsResponseResourceConfig) int {
				return strings.Compare(a.Name, b.Name)
			})
		}
	}
	s := map[string]string{}
	shapeOf(reflect.ValueOf(m).Elem(), "", s)
	return s
}

// loose are arrays whose length is the broker's own affair.
var loose = map[string]bool{
	".ApiKeys": true, ".Brokers": true,
}

// shapeOf adds v, which stands at path.
func shapeOf(v reflect.Value, path string, s map[string]string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name != "Version" && f.Name != "UnknownTags" {
				shapeOf(v.Field(i), path+"."+f.Name, s)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			s[path] = fmt.Sprintf("bytes, null %v, empty %v", v.IsNil(), v.Len() == 0)
			return
		}
		if loose[path] {
			return
		}
		s[path] = fmt.Sprintf("%d elements", v.Len())
		for i := range v.Len() {
			shapeOf(v.Index(i), fmt.Sprintf("%s[%d]", path, i), s)
		}
	case reflect.Pointer:
		s[path] = fmt.Sprintf("null %v", v.IsNil())
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			shapeOf(v.Elem(), path, s)
		}
	case reflect.Int16:
		if strings.HasSuffix(path, "ErrorCode") {
			s[path] = fmt.Sprintf("code %d", v.Int())
		}
	}
}

// differences lists where two shapes differ.
func differences(kafka, leat map[string]string) []string {
	var all []string
	for path, want := range kafka {
		if got, ok := leat[path]; !ok || got != want {
			all = append(all, fmt.Sprintf("%s: Kafka %s, leat %s", path, want, got))
		}
	}
	for path, got := range leat {
		if _, ok := kafka[path]; !ok {
			all = append(all, fmt.Sprintf("%s: not in Kafka's, leat %s", path, got))
		}
	}
	sort.Strings(all)
	return all
}
