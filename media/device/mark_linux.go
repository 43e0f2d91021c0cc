package device

import (
	"os"
	"strings"

	"github.com/jfreymuth/pulse/proto"
)

// SystemMark is another text once devices have come or gone: the names of ALSA's, and of
// what PulseAudio, or PipeWire in its place, plays to and records from. It opens none. It
// waits for the sound server, at most some seconds.
func SystemMark() (mark string, tells bool) {
	var b strings.Builder
	if files, err := os.ReadDir("/dev/snd"); err == nil {
		for _, f := range files {
			b.WriteString(f.Name() + "\n")
		}
	}
	for _, name := range serverDevices() {
		b.WriteString(name + "\n")
	}
	return b.String(), true
}

// serverDevices names the devices of the sound server; none where there is no server.
func serverDevices() (names []string) {
	client, conn, err := proto.Connect("")
	if err != nil {
		return nil
	}
	defer conn.Close()
	about := proto.PropList{"application.name": proto.PropListString("Ringback")}
	var sinks proto.GetSinkInfoListReply
	var sources proto.GetSourceInfoListReply
	if client.Request(&proto.SetClientName{Props: about}, &proto.SetClientNameReply{}) != nil ||
		client.Request(&proto.GetSinkInfoList{}, &sinks) != nil || client.Request(&proto.GetSourceInfoList{}, &sources) != nil {
		return nil
	}
	for _, s := range sinks {
		names = append(names, "sink "+s.SinkName)
	}
	for _, s := range sources {
		names = append(names, "source "+s.SourceName)
	}
	return names
}
