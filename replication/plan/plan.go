// Package plan is what the controller decides: given a picture of the cluster
// and an event, which nodes of the tree are to be written, how the picture
// changes if the write succeeds, and which orders then go to which broker. It
// touches nothing: the controller writes, then shows the new picture, then
// gives the orders.
//
//	event ──Decide──→ Step{ Writes → tree, Changes → image, Orders → brokers }
//
// A write that fails leaves nothing to undo: the picture is still the old one.
package plan
