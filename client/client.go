// Package client is leat's Go client for users: a [Producer], a [Consumer] and
// an [Admin], thin over franz-go, with the defaults that a person wants and
// errors that name the cause and the next step.
//
//	p, err := client.NewProducer(client.Config{}, client.ProducerOptions{})
//	if err != nil { ... }
//	defer p.Close(ctx)
//	at, err := p.Send(ctx, client.Record{Topic: "greetings", Value: []byte("hello")})
//
// The zero [Config] reaches a broker on localhost:9092. Everything here speaks
// the Kafka protocol, so it works against Apache Kafka as well.
package client

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// DefaultBootstrap is where a client looks for a broker when nothing is said.
const DefaultBootstrap = "localhost:9092"

// Config says how to reach a cluster. The zero value is usable.
type Config struct {
	// Bootstrap lists the brokers to ask first, as HOST:PORT. Empty means
	// [DefaultBootstrap].
	Bootstrap []string
	// ClientID names this client in the broker's logs and metrics. Empty
	// means "leat".
	ClientID string
	// DialTimeout bounds one connection attempt. Zero means 5 s.
	DialTimeout time.Duration
	// AdminTimeout is how long the broker may take over an administrative
	// request before it answers REQUEST_TIMED_OUT. Zero means 30 s.
	AdminTimeout time.Duration
	// Dial replaces how connections are made; nil dials TCP.
	Dial func(ctx context.Context, network, host string) (net.Conn, error)
}

// bootstrap returns the brokers to ask first, never empty.
func (c Config) bootstrap() []string {
	if len(c.Bootstrap) == 0 {
		return []string{DefaultBootstrap}
	}
	return c.Bootstrap
}

// options returns the franz-go options that every kind of client shares.
func (c Config) options() []kgo.Opt {
	id := c.ClientID
	if id == "" {
		id = "leat"
	}
	timeout := c.DialTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.bootstrap()...),
		kgo.ClientID(id),
		kgo.DialTimeout(timeout),
	}
	if c.Dial != nil {
		opts = append(opts, kgo.Dialer(c.Dial))
	}
	return opts
}
