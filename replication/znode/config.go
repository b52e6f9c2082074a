package znode

import (
	"fmt"

	"github.com/leatmq/leat/replication/image"
)

// EncodeConfig writes an entity's configuration. All values are text.
func EncodeConfig(config map[string]string) []byte {
	b := appendStringMap([]byte(`{"version":1,"config":`), config)
	return append(b, '}')
}

// DecodeConfig reads a configuration; the empty node (a folder on the way to
// another) is none.
func DecodeConfig(data []byte) (map[string]string, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var j struct {
		Config map[string]string `json:"config"`
	}
	if err := decode("config", data, &j); err != nil {
		return nil, err
	}
	if j.Config == nil {
		j.Config = map[string]string{}
	}
	return j.Config, nil
}

// EncodeConfigChange writes a notification, version 2.
func EncodeConfigChange(e image.Entity) []byte {
	b := appendString([]byte(`{"version":2,"entity_path":`), e.Path())
	return append(b, '}')
}

// DecodeConfigChange reads versions 1 and 2.
func DecodeConfigChange(data []byte) (image.Entity, error) {
	var j struct {
		Path string `json:"entity_path"`
		Type string `json:"entity_type"`
		Name string `json:"entity_name"`
	}
	if err := decode("config change", data, &j); err != nil {
		return image.Entity{}, err
	}
	if j.Path == "" {
		j.Path = j.Type + "/" + j.Name
	}
	e, ok := image.EntityOf(j.Path)
	if !ok {
		return image.Entity{}, fmt.Errorf("config change of %q: %w", j.Path, ErrMalformed)
	}
	return e, nil
}
