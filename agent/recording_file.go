package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringback/media/audio"
)

// Bounds of the names of recordings.
const (
	maxRecordingName = 100 // bytes
	maxSameName      = 1000
)

// recordingMark begins the comment in a recording's file; the recording's id follows.
const recordingMark = "ringback recording "

// recordingsFolder is where this profile's recordings are kept.
func (a *Agent) recordingsFolder() (string, *ActionError) {
	folder := a.cfg.Recording.Folder
	if folder == "" && a.deps.StateDir != "" {
		folder = filepath.Join(a.deps.StateDir, "recordings")
	}
	if folder == "" {
		return "", refuse(CodeFailed, "record: there is no folder for recordings").hint("name one in recording.folder")
	}
	folder, err := atHome("recording.folder", folder)
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	if err != nil {
		return "", refuse(CodeFailed, "record: %v", err)
	}
	return folder, nil
}

// recordingName is the name of a call's file when the agent names none: no two calls
// of a profile have the same.
func recordingName(at time.Time, in InteractionID, call CallID) string {
	return fmt.Sprintf("%s-%s-%s.wav", at.UTC().Format("20060102-150405"), in, call)
}

// checkRecordingName reads a name that the agent gave to a file: a name in the folder
// of recordings and no path, so that it cannot lead anywhere else.
func checkRecordingName(name string) (string, *ActionError) {
	wrong := func(why string) *ActionError {
		return refuse(CodeInvalid, "record: file %q %s", name, why).hint("give a name such as order-4711.wav; recording.folder says where it is kept")
	}
	switch {
	case strings.ContainsAny(name, `/\:*?"<>|`) || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
		return "", wrong("is no plain name")
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || strings.TrimSpace(name) != name:
		return "", wrong("begins or ends with what a name should not")
	}
	base := name
	if strings.EqualFold(filepath.Ext(name), ".wav") {
		base = name[:len(name)-4]
	}
	if base == "" || strings.HasSuffix(base, ".") {
		return "", wrong("is no plain name")
	}
	if len(base) > maxRecordingName {
		return "", wrong(fmt.Sprintf("is longer than %d bytes", maxRecordingName))
	}
	if !filepath.IsLocal(base) || !filepath.IsLocal(base+".wav") { // names that Windows keeps for devices
		return "", wrong("is a name that the system keeps for itself")
	}
	return base + ".wav", nil
}

// createRecording makes a new and empty file, mode 0600, and the folder, mode 0700,
// when it is not there. A name that is taken gets a number. It waits for the disk:
// not on the loop.
func createRecording(folder, name string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of recordings: %w", err)
	}
	base := strings.TrimSuffix(name, ".wav")
	for n := 1; n <= maxSameName; n++ {
		if n > 1 {
			name = fmt.Sprintf("%s-%d.wav", base, n)
		}
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			syncFolder(folder)
		}
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("record to %s: %d files of this name are there: take another", filepath.Join(folder, name), maxSameName)
}

// syncFolder has the name of a new file brought to the disk, so that it is there after a
// power cut. Not every system can do that to a folder; then the name comes with the rest.
func syncFolder(folder string) {
	if d, err := os.Open(folder); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// dropFile closes and removes a file that holds nothing.
func dropFile(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// errNotOurs says that a file is not the recording that its row means.
var errNotOurs = errors.New("it is not the recording that was made there: it is left alone")

// readRecording looks at the file of a recording: an ordinary file that names this
// recording in it. Errors: fs.ErrNotExist, errNotOurs. It waits for the disk.
func readRecording(path, id string) (audio.WAVInfo, error) {
	at, err := os.Lstat(path)
	if err != nil {
		return audio.WAVInfo{}, err
	}
	if !at.Mode().IsRegular() {
		return audio.WAVInfo{}, fmt.Errorf("%s: %w", path, errNotOurs)
	}
	f, err := os.Open(path)
	if err != nil {
		return audio.WAVInfo{}, err
	}
	defer f.Close()
	info, err := audio.ReadWAVInfo(f)
	if errors.Is(err, audio.ErrNotWAV) && (at.Size() > 0 || filepath.Ext(path) != ".wav") || err == nil && info.Comment != recordingMark+id {
		return audio.WAVInfo{}, fmt.Errorf("%s: %w", path, errNotOurs)
	}
	if errors.Is(err, audio.ErrNotWAV) {
		return audio.WAVInfo{}, nil // nothing was written before the phone ended
	}
	return info, err
}

// lengthOf is how long a recording is by its head.
func lengthOf(i audio.WAVInfo) time.Duration {
	if i.Rate == 0 {
		return 0
	}
	return time.Duration(i.Frames) * time.Second / time.Duration(i.Rate)
}
