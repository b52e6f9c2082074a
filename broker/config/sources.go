package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Sources is where Load looks, from the strongest to the weakest.
type Sources struct {
	// Flags are the broker command's own flags, by the key that each stands
	// for. Names, for messages, are in FlagNames where they differ from "--key".
	Flags     map[string]string
	FlagNames map[string]string

	// Set holds the values of --set, each "key=value". The last one of a key
	// counts.
	Set []string

	// Env is the environment, as os.Environ returns it. See envKey.
	Env []string

	// File is the path of a server.properties, or "".
	File string
}

// collect merges the sources. The error joins all that cannot be read.
func (from Sources) collect() (map[string]given, error) {
	all, err := readFile(from.File)
	errs := []error{err}
	maps.Copy(all, readEnv(from.Env))
	for _, s := range from.Set {
		key, v, ok := strings.Cut(s, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			errs = append(errs, fmt.Errorf("--set %s: write it as key=value, for example --set num.partitions=3", s))
			continue
		}
		all[key] = given{value: v, from: "--set"}
	}
	for _, key := range slices.Sorted(maps.Keys(from.Flags)) {
		name := from.FlagNames[key]
		if name == "" {
			name = "--" + key
		}
		all[key] = given{value: from.Flags[key], from: name}
	}
	return all, errors.Join(errs...)
}

func readFile(path string) (map[string]given, error) {
	all := map[string]given{}
	if path == "" {
		return all, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return all, fmt.Errorf("configuration file: %w", err)
	}
	entries, err := parseProperties(data)
	for _, e := range entries {
		all[e.key] = given{value: e.value, from: fmt.Sprintf("%s:%d", path, e.line)}
	}
	if err != nil {
		return all, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}
