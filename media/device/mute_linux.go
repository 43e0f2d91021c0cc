package device

import (
	"os"
	"strconv"

	"github.com/jfreymuth/pulse/proto"
)

// MicrophoneMute asks PulseAudio, or PipeWire in its place, what it does to the recording
// of this process. Nothing is known where there is neither, or where the device is opened
// past them. It waits for the sound server, at most some seconds.
func MicrophoneMute() Mute {
	client, conn, err := proto.Connect("")
	if err != nil {
		return Mute{}
	}
	defer conn.Close()
	name := proto.PropList{"application.name": proto.PropListString("Ringback")}
	if client.Request(&proto.SetClientName{Props: name}, &proto.SetClientNameReply{}) != nil {
		return Mute{}
	}
	var outputs proto.GetSourceOutputInfoListReply
	if client.Request(&proto.GetSourceOutputInfoList{}, &outputs) != nil {
		return Mute{}
	}
	ours := strconv.Itoa(os.Getpid())
	for _, o := range outputs {
		if o.Properties["application.process.id"].String() != ours {
			continue
		}
		var source proto.GetSourceInfoReply
		if client.Request(&proto.GetSourceInfo{SourceIndex: o.SourceIndex}, &source) != nil {
			return Mute{}
		}
		called := source.SourceName
		if text := source.Properties["device.description"]; len(text) > 1 {
			called = text.String()
		}
		return Mute{Known: true, System: source.Mute, App: o.Muted, Source: called}
	}
	return Mute{}
}
