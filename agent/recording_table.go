package agent

// recordingState is where a recording stands.
type recordingState string

// The states of recordings. Those that a person sees are recording and paused.
const (
	recordingOpening recordingState = "opening" // its file is made
	recordingRuns    recordingState = "recording"
	recordingPaused  recordingState = "paused"
	recordingClosing recordingState = "closing" // its file is closed
	recordingOver    recordingState = "over"
)

// recordingInput is what moves a recording.
type recordingInput string

const (
	fileOpened  recordingInput = "opened"
	fileRefused recordingInput = "refused"
	askPause    recordingInput = "pause"
	askResume   recordingInput = "resume"
	askStop     recordingInput = "stop" // by the agent, by the end of the call, by a disk that fails
	fileClosed  recordingInput = "closed"
)

// recordingMoves is the table of a recording's states. What is not here changes
// nothing.
func recordingMoves() map[recordingState]map[recordingInput]recordingState {
	return map[recordingState]map[recordingInput]recordingState{
		recordingOpening: {fileOpened: recordingRuns, fileRefused: recordingOver, askStop: recordingClosing},
		recordingRuns:    {askPause: recordingPaused, askStop: recordingClosing},
		recordingPaused:  {askResume: recordingRuns, askStop: recordingClosing},
		recordingClosing: {fileClosed: recordingOver},
		recordingOver:    {},
	}
}

// move takes one row and reports whether there was one.
func (t *recording) move(on recordingInput) bool {
	to, ok := recordingMoves()[t.state][on]
	if ok {
		t.state = to
	}
	return ok
}

// takes reports whether sound is being written, or would be if it were not paused.
func (t *recording) takes() bool {
	return t != nil && (t.state == recordingRuns || t.state == recordingPaused)
}
