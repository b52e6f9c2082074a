//go:build interop

// Package interop drives a leat broker with Apache Kafka's own Java clients and
// tools, of 3.9 (the last release that speaks every old version) and of 4. It is
// built only with the tag interop, by `make interop`: it needs Java, Maven, and
// the network that they fetch Kafka's jars from.
package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// Versions are the releases of Kafka to drive leat with: folders of testdata.
var Versions = []string{"3.9", "4"}

// Job is one run of a tool.
type Job struct {
	Class     string   `json:"class"`
	Args      []string `json:"args"`
	Stdin     string   `json:"stdin,omitempty"`
	TimeoutMs int      `json:"timeoutMs,omitempty"`
}

// Result is what a tool did.
type Result struct {
	RC  int    `json:"rc"`
	Out string `json:"out"`
	Err string `json:"err"`
}

// Kafka is a JVM with one release of Kafka in it.
type Kafka struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser

	mu  sync.Mutex // one job at a time
	out *bufio.Scanner
}

// Jars fetches a release of Kafka once and returns the folder of its jars.
func Jars(ctx context.Context, version string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "leat-interop", "kafka-"+version)
	libs, complete := filepath.Join(home, "libs"), filepath.Join(home, "complete")
	if _, err := os.Stat(complete); err == nil {
		return libs, nil
	}
	pom, err := filepath.Abs(filepath.Join("testdata", "kafka-"+version, "pom.xml"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+libs)
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Kafka %s: %w\n%s", version, err, out)
	}
	return libs, os.WriteFile(complete, nil, 0o644)
}

// StartKafka starts a JVM with a release of Kafka.
func StartKafka(ctx context.Context, version string) (*Kafka, error) {
	libs, err := Jars(ctx, version)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs("testdata")
	if err != nil {
		return nil, err
	}
	k := &Kafka{}
	k.cmd = exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j.configuration=file:"+filepath.Join(dir, "log4j.properties"),
		"-Dlog4j2.configurationFile=file:"+filepath.Join(dir, "log4j2.properties"),
		"-cp", libs+"/*", filepath.Join(dir, "Tools.java"))
	k.cmd.Stderr = os.Stderr
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if k.stdin, err = k.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	k.out = bufio.NewScanner(stdout)
	k.out.Buffer(nil, 64<<20)
	return k, k.cmd.Start()
}

// Run runs a tool to its end.
func (k *Kafka) Run(j Job) (Result, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if j.Args == nil {
		j.Args = []string{}
	}
	line, err := json.Marshal(j)
	if err != nil {
		return Result{}, err
	}
	if _, err := k.stdin.Write(append(line, '\n')); err != nil {
		return Result{}, err
	}
	if !k.out.Scan() {
		return Result{}, errors.Join(errors.New("the JVM ended"), k.out.Err())
	}
	var r Result
	return r, json.Unmarshal(k.out.Bytes(), &r)
}

// Stop ends the JVM.
func (k *Kafka) Stop() error {
	if err := k.stdin.Close(); err != nil {
		return err
	}
	err := k.cmd.Process.Kill() // tools leave threads behind that are no daemons
	var exit *exec.ExitError
	if werr := k.cmd.Wait(); werr != nil && !errors.As(werr, &exit) {
		err = errors.Join(err, werr)
	}
	return err
}
