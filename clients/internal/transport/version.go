package transport

import "runtime/debug"

const modulePath = "github.com/submeter/submeter"

// UserAgent is how the clients name themselves: submeter-clients and the module's version, dev when it was built from
// a working tree.
func UserAgent() string {
	info, _ := debug.ReadBuildInfo()
	return "submeter-clients/" + moduleVersion(info)
}

// moduleVersion finds this module in a program's build, as its main module or one it depends on; info may be nil.
func moduleVersion(info *debug.BuildInfo) string {
	if info == nil {
		return "dev"
	}
	for _, module := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if module.Path == modulePath && module.Version != "" && module.Version != "(devel)" {
			return module.Version
		}
	}
	return "dev"
}
