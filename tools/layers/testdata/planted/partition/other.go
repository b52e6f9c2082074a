// Package partition is described twice.
package partition // want package-doc
