// Package group is the machine of a classic consumer group.
package group
