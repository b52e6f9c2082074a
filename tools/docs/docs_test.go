package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesAreAsTheTablesSay(t *testing.T) {
	for name, write := range pages {
		have, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		require.Equal(t, write(), string(have), "docs/%s is stale: run make docs", name)
	}
}
