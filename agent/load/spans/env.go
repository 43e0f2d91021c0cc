package spans

import (
	"fmt"
	"strings"
)

// Wanted reports whether the standard variables ask for traces. Errors name a variable
// that asks for what this program does not speak, and what to write.
func Wanted(getenv func(string) string) (bool, error) {
	first := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(name)); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	exporter := strings.TrimSpace(getenv("OTEL_TRACES_EXPORTER"))
	_, endpoint := first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	switch {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || exporter == "none":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER=%s: this program speaks otlp: write otlp or none", exporter)
	case exporter == "" && endpoint == "":
		return false, nil
	}
	if name, protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return false, fmt.Errorf("%s=%s: this program speaks http/protobuf: write that, and the collector's port for it (4318)", name, protocol)
	}
	return true, nil
}
