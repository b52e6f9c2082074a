package server

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func TestHeader(t *testing.T) {
	for name, c := range map[string]struct {
		in       string
		clientID string
		body     string
		flexible bool
		err      error
	}{
		"v1":                              {in: "0012 0000 00000009 0006 676f6c64656e 6a75", clientID: "golden", body: "6a75"},
		"v1, null client id":              {in: "0012 0000 00000001 ffff"},
		"v1, empty client id":             {in: "0012 0000 00000001 0000"},
		"v1, client id of length -5":      {in: "0012 0000 00000001 fffb", body: ""},
		"v1, client id that is not UTF-8": {in: "0012 0000 00000001 0002 fffe", clientID: "\ufffd"},
		"v2":                              {in: "0012 0003 00000009 0006 676f6c64656e 00 0767", clientID: "golden", body: "0767", flexible: true},
		"v2, an unknown tag":              {in: "0003 0009 00000001 0001 78 01 05 02 6162 01", clientID: "x", body: "01", flexible: true},
		"v2, two tags":                    {in: "0003 0009 00000001 0001 78 02 05 00 06 01 61", clientID: "x", flexible: true},
		"v2 for a version to come":        {in: "0012 0064 00000009 0001 78 00", clientID: "x", flexible: true},
		"v0 of ControlledShutdown":        {in: "0007 0000 00000009 00000001", body: "00000001"},
		"v1 of ControlledShutdown":        {in: "0007 0001 00000009 0001 78 00000001", clientID: "x", body: "00000001"},

		"4 bytes":                       {in: "00120000", err: errHeaderShort},
		"no client id":                  {in: "0012 0000 00000005", err: errHeaderShort},
		"half a client id length":       {in: "0012 0000 00000005 00", err: errHeaderShort},
		"client id beyond the frame":    {in: "0012 0000 00000001 03e8 78", err: errHeaderShort},
		"v2 without tags":               {in: "0012 0064 00000009 0006 676f6c64656e", err: errHeaderTags},
		"tag count 2^32-1":              {in: "0003 0009 00000001 0000 ffffffff0f 0000", err: errHeaderTags},
		"tag size past the end":         {in: "0003 0009 00000001 0000 01 05 7f 00", err: errHeaderTags},
		"tag twice":                     {in: "0003 0009 00000001 0000 02 05 00 05 00", err: errHeaderTags},
		"tags descending":               {in: "0003 0009 00000001 0000 02 05 00 04 00", err: errHeaderTags},
		"tag count of 6 bytes":          {in: "0003 0009 00000001 0000 808080808001 00", err: errHeaderTags},
		"tag count of 33 bits":          {in: "0003 0009 00000001 0000 ffffffff1f 00", err: errHeaderTags},
		"api key -1":                    {in: "ffff 0000 00000009 0006 676f6c64656e", err: errUnknownAPI},
		"api key 32767":                 {in: "7fff 0000 00000009 0006 676f6c64656e", err: errUnknownAPI},
		"api key above all there are":   {in: "00c8 0000 00000009 0006 676f6c64656e", err: errUnknownAPI},
		"nothing at all":                {in: "", err: errHeaderShort},
		"client id is cut by its frame": {in: "0012 0000 00000001 7fff 78", err: errHeaderShort},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := parseHeader(unhex(t, c.in))
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, c.clientID, validClientID(h.clientID))
				require.Equal(t, unhex(t, c.body), append([]byte{}, h.body...))
				require.Equal(t, c.flexible, h.flexible)
			}
		})
	}
}

// What franz-go writes, the parser reads, for every api at every version.
func TestHeaderOfEveryVersion(t *testing.T) {
	client := kmsg.NewRequestFormatter(kmsg.FormatterClientID("me"))
	for _, r := range everyRequest() {
		for v := range r.MaxVersion() + 1 {
			r.SetVersion(v)
			if r.Key() == keyControlledShutdown && v == 0 {
				continue // kmsg writes it without its body
			}
			b := client.AppendRequest(nil, r, 7)
			h, err := parseHeader(b[lengthField:])
			require.NoError(t, err, "%d v%d", r.Key(), v)
			require.Equal(t, r.Key(), h.key)
			require.Equal(t, v, h.version)
			require.EqualValues(t, 7, h.correlationID)
			require.Equal(t, r.AppendTo(nil), append([]byte(nil), h.body...), "%d v%d", r.Key(), v)
			require.Equal(t, r.IsFlexible(), h.flexible)
		}
	}
}

// What the server writes, franz-go reads: response headers of every version.
func TestResponseHeader(t *testing.T) {
	for _, r := range everyRequest() {
		for v := range r.MaxVersion() + 1 {
			r.SetVersion(v)
			want := []byte{0, 0, 0, 4, 0, 0, 0, 7}
			// kmsg.Response of ApiVersions is read without tags at any version.
			if r.IsFlexible() && r.Key() != 18 {
				want = []byte{0, 0, 0, 5, 0, 0, 0, 7, 0}
			}
			a := &answer{key: r.Key(), flexible: r.IsFlexible(), correlationID: 7}
			require.Equal(t, want, appendHead(nil, a, 0), "%d v%d", r.Key(), v)
		}
	}
}

func everyRequest() []kmsg.Request {
	var all []kmsg.Request
	for key := range int16(kmsg.MaxKey + 1) {
		if r := kmsg.RequestForKey(key); r != nil {
			all = append(all, r)
		}
	}
	return all
}

func FuzzHeader(f *testing.F) {
	client := kmsg.NewRequestFormatter(kmsg.FormatterClientID("golden"))
	for _, r := range everyRequest() {
		r.SetVersion(r.MaxVersion())
		f.Add(client.AppendRequest(nil, r, 1)[lengthField:])
	}
	f.Add(unhex(f, "0003000900000001000178010502616201"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := bytes.Clone(b)
		h, err := parseHeader(b)
		require.Equal(t, whole, b)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(h.body)+len(h.clientID)+headerMin, len(b))
		require.True(t, bytes.HasSuffix(b, h.body))
	})
}
