// Package verify checks data directories and partition directories without
// changing them.
package verify
