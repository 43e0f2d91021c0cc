//go:build unix

package fleet

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's signals from a process.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
