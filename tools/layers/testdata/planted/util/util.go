// Package util says nothing.
package util // want package-name
