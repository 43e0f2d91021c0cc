//go:build opus && cgo

package media

import "testing"

func TestWebRTC_BothTalkOpus(t *testing.T) { bothTalk(t, "opus") }
