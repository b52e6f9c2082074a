package dir

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/leatmq/leat/log/checkpoint"
)

// identity is whose the directories are.
type identity struct {
	brokerID  int32  // below 0: not known yet
	clusterID string // empty: not known yet
}

// identify reads a directory's meta.properties and adds what it says to id.
// Everything that is known must agree.
func (d *Dir) identify(id *identity) error {
	path := filepath.Join(d.path, checkpoint.MetaFile)
	m, err := checkpoint.ReadMeta(d.set.o.FS, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.meta = m
	if m.Version != 0 {
		return fmt.Errorf("%w: %s has version %d, written by a broker without ZooKeeper (KRaft); only version 0 can be used",
			ErrOwner, path, m.Version)
	}
	if m.BrokerID >= 0 && id.brokerID >= 0 && m.BrokerID != id.brokerID {
		return fmt.Errorf("%w: %s says broker.id %d, this broker is %d; configure that id, or another directory",
			ErrOwner, path, m.BrokerID, id.brokerID)
	}
	if m.ClusterID != "" && id.clusterID != "" && m.ClusterID != id.clusterID {
		return fmt.Errorf("%w: %s says cluster.id %s, this cluster is %s; was a directory of another cluster mounted here?",
			ErrOwner, path, m.ClusterID, id.clusterID)
	}
	if m.BrokerID >= 0 {
		id.brokerID = m.BrokerID
	}
	if m.ClusterID != "" {
		id.clusterID = m.ClusterID
	}
	return nil
}

// complete decides what no directory said.
func (id *identity) complete(newID func() [16]byte) {
	if id.brokerID < 0 {
		id.brokerID = 0
	}
	for id.clusterID == "" || id.clusterID[0] == '-' { // a command line would take it for a flag
		raw := newID()
		id.clusterID = base64.RawURLEncoding.EncodeToString(raw[:])
	}
}

// own writes meta.properties where it does not say everything.
func (d *Dir) own(id identity) error {
	if d.meta.BrokerID == id.brokerID && d.meta.ClusterID == id.clusterID {
		return nil
	}
	d.meta.BrokerID, d.meta.ClusterID = id.brokerID, id.clusterID
	return checkpoint.WriteMeta(d.set.o.FS, filepath.Join(d.path, checkpoint.MetaFile), d.meta, d.set.o.Now())
}
