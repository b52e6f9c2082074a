package main

import "github.com/leatmq/leat/tools/bench/load"

// scenario is a workload with a name.
type scenario struct {
	name, about string
	load        load.Workload
	idle        int // connections to hold open instead of a load
}

// scenarios returns all of them, each to move so many bytes.
func scenarios(bytes int64) []scenario {
	produce := func(batch int, lz4 bool) load.Workload {
		return load.Workload{Batch: batch, LZ4: lz4, Connections: 4, Inflight: 5, Bytes: bytes}
	}
	consume := func(fetch int) load.Workload {
		return load.Workload{Consume: true, Batch: 64 << 10, Fetch: fetch, Connections: 4, Inflight: 5, Bytes: 4 * bytes, FillBytes: bytes / 2}
	}
	return []scenario{
		{name: "produce-16k", about: "batches of 16 KiB, 5 requests in flight, acks=1", load: produce(16<<10, false)},
		{name: "produce-64k", about: "batches of 64 KiB", load: produce(64<<10, false)},
		{name: "produce-1m", about: "batches of 1000 KiB", load: produce(1000<<10, false)},
		{name: "produce-64k-lz4", about: "batches of 64 KiB before compression, which GB counts", load: produce(64<<10, true)},
		{name: "consume-64k", about: "fetches of 64 KiB, one at a time, from the page cache", load: consume(64 << 10)},
		{name: "consume-1m", about: "fetches of 1 MiB", load: consume(1 << 20)},
		{name: "idle-10000", about: "10,000 connections without traffic: memory only", idle: 10_000},
	}
}

// clusterScenarios returns those of three brokers, each to move so many bytes.
func clusterScenarios(bytes int64) []scenario {
	produce := func(batch int) load.Workload {
		return load.Workload{Batch: batch, Connections: 6, Inflight: 5, Bytes: bytes, All: true}
	}
	return []scenario{
		{name: "replicate-16k", about: "batches of 16 KiB, acks=all, three replicas", load: produce(16 << 10)},
		{name: "replicate-64k", about: "batches of 64 KiB", load: produce(64 << 10)},
		{name: "replicate-1m", about: "batches of 1000 KiB", load: produce(1000 << 10)},
	}
}
