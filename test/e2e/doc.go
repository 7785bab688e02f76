// Package e2e drives the built command as a user does.
package e2e
