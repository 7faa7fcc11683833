//go:build e2e

package container

import (
	"archive/tar"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/submeter/submeter/clients/control"
)

// The image holds one binary; a quarter of a hundred megabytes would mean that something else slipped in.
const largestImage = 25_000_000

func TestTheImageIsSmallAndNamesANumericUserWhoIsNotRoot(t *testing.T) {
	var images []struct {
		Size   int64
		Config struct {
			User        string
			Healthcheck struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "image", "inspect", image)), &images); err != nil {
		t.Fatal(err)
	}
	i := images[0]
	record("image %.1f MB", float64(i.Size)/1e6)
	if i.Size >= largestImage {
		t.Errorf("the image has %d bytes, want less than %d", i.Size, largestImage)
	}
	// Kubernetes' runAsNonRoot believes numbers alone.
	if !regexp.MustCompile(`^[1-9]\d*(:[1-9]\d*)?$`).MatchString(i.Config.User) {
		t.Errorf("the image runs as %q", i.Config.User)
	}
	if !slices.Equal(i.Config.Healthcheck.Test, []string{"CMD", "/submeter", "healthcheck"}) {
		t.Errorf("the image's health check is %q", i.Config.Healthcheck.Test)
	}
}

func TestTheImageHoldsNothingButTheProgramAndWhatItNeeds(t *testing.T) {
	name := uniqueName()
	t.Cleanup(func() { remove(t, name) })
	must(t, "create", "--name", name, image)
	export := exec.Command(docker, "export", name)
	archive, err := export.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	var found []string
	for files := tar.NewReader(archive); ; {
		file, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !addedByTheEngine(file.Name) {
			found = append(found, file.FileInfo().Mode().String()+" "+file.Name)
		}
	}
	if err := export.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	want := []string{
		"-rw-r--r-- LICENSE",
		"-rw-r--r-- etc/ssl/certs/ca-certificates.crt",
		"-rwxr-xr-x submeter",
		"drwxr-xr-x etc/",
		"drwxr-xr-x etc/ssl/",
		"drwxr-xr-x etc/ssl/certs/",
		"dtrwxrwxrwx data/",
		"dtrwxrwxrwx tmp/",
	}
	if !slices.Equal(found, want) {
		t.Errorf("the image holds\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

// addedByTheEngine tells what every container gets, whatever its image holds.
func addedByTheEngine(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	return slices.Contains([]string{".dockerenv", "dev", "proc", "sys"}, top) ||
		slices.Contains([]string{"etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"}, path)
}

func TestTheImageBuildsForEveryPlatform(t *testing.T) {
	for _, p := range []struct {
		arch     string
		machine  elf.Machine
		emulator string
	}{
		{"amd64", elf.EM_X86_64, "qemu-x86_64-static"},
		{"arm64", elf.EM_AARCH64, "qemu-aarch64-static"},
	} {
		t.Run(p.arch, func(t *testing.T) {
			tag := image + "-" + p.arch
			if err := build(tag, "--platform", "linux/"+p.arch); err != nil {
				t.Fatal(err)
			}
			if got := must(t, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", tag); got != "linux/"+p.arch {
				t.Errorf("the image is for %s", got)
			}
			program := programOf(t, tag)
			checkStatic(t, program, p.machine)
			if p.arch == runtime.GOARCH {
				checkServes(t, p.arch, program)
			} else {
				checkServes(t, p.arch, p.emulator, program)
			}
		})
	}
}

// programOf takes the program out of an image.
func programOf(t *testing.T, tag string) string {
	t.Helper()
	name := uniqueName()
	t.Cleanup(func() { remove(t, name) })
	must(t, "create", "--name", name, tag)
	path := filepath.Join(t.TempDir(), "submeter")
	must(t, "cp", name+":/submeter", path)
	return path
}

func checkStatic(t *testing.T, program string, machine elf.Machine) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != machine {
		t.Errorf("the program is for %s, want %s", file.Machine, machine)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the program wants a dynamic linker, which the image does not have")
		}
	}
}

// checkServes runs a program, by way of another where it is for another machine, until it is ready, and asks it what
// it was built for.
func checkServes(t *testing.T, arch string, program ...string) {
	t.Helper()
	url := serveOutside(t, program)
	client, err := control.New(url)
	if err != nil {
		t.Fatal(err)
	}
	info, err := client.Info(t.Context())
	if err != nil || len(info.Vendors) == 0 {
		t.Errorf("the server tells of vendors %v, %v", info.Vendors, err)
	}
	out, err := exec.Command(program[0], slices.Concat(program[1:], []string{"version", "--output", "json"})...).Output()
	var version struct{ Platform string }
	if err := errors.Join(err, json.Unmarshal(out, &version)); err != nil || version.Platform != "linux/"+arch {
		t.Errorf("the program says it is for %q, %v", version.Platform, err)
	}
}
