// Package device is what a person speaks into and listens with.
package device
