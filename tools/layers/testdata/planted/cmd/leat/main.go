// Command leat may import all of it.
package main

import (
	_ "github.com/leatmq/leat/broker"
	_ "github.com/leatmq/leat/client"
	_ "github.com/leatmq/leat/tools/x" // want direction
)

func Undocumented() {}

func main() {}
