package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/submeter/submeter/emulator"
)

// The port that the vendors' own SDK test suites look for.
const defaultPort = 4010

// How long requests in flight may take to end once the server was asked to stop.
const shutdownGrace = 10 * time.Second

// serveConfig is what flags and environment say about a server.
type serveConfig struct {
	host, portFile      string
	port                uint16
	data, scenario      string
	seed                uint64
	seedGiven           bool // without it the scenario's own seed holds
	strict              bool
	maxSandboxes        int
	maxBody             byteSize
	rateLimits          choice
	journalEntries      int
	journalBytes        byteSize
	logFormat, logLevel choice

	deliver, s3Endpoint, s3Region string // where the files of m3ter's exports go
}

func (a *app) serveCommand() *cobra.Command {
	cfg := &serveConfig{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the emulated vendors and the control plane",
		Long: `Serve the emulated vendors and the control plane until SIGINT or SIGTERM. Requests in flight then have ten
seconds to end; a second signal ends the process at once.

Every flag can be set by the environment variable named behind it. A flag wins over the environment.
The banner goes to stdout, the log to stderr.`,
		Example: `  submeter serve
  submeter serve --port 0 --port-file /tmp/submeter.port
  submeter serve --host 0.0.0.0 --data /var/lib/submeter/world.db --rate-limits vendor
  SUBMETER_STRICT=true submeter serve --scenario ./scenario.yaml --seed 42`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.seedGiven = cmd.Flags().Changed("seed")
			ctx, release := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer release()
			context.AfterFunc(ctx, release) // gives signals their own meaning back: the second one kills
			return serve(ctx, *cfg, a.stdout, a.stderr)
		},
	}
	cfg.bind(cmd.Flags())
	return cmd
}

// bind adds the flags to a set, each with its default and its environment variable.
func (c *serveConfig) bind(flags *pflag.FlagSet) {
	c.maxBody, c.journalBytes = newByteSize("10MiB"), newByteSize("8MiB")
	c.rateLimits = newChoice("off", "off", "vendor")
	c.logFormat = newChoice("text", "text", "json")
	c.logLevel = newChoice("info", "debug", "info", "warn", "error")

	flags.SortFlags = false
	flags.StringVar(&c.host, "host", "127.0.0.1", "`address` to listen on; 0.0.0.0 for all")
	flags.Uint16Var(&c.port, "port", defaultPort, "`port` to listen on; 0 for any free one")
	flags.StringVar(&c.portFile, "port-file", "", "`file` to write the port to once the server listens")
	flags.StringVar(&c.data, "data", "", "durable `file` for all worlds (default: none, worlds end with the process)")
	flags.StringVar(&c.scenario, "scenario", "default", "built-in scenario, or a scenario's `file`, to start from")
	flags.Uint64Var(&c.seed, "seed", 0, "`seed` to build the scenario with (default: the scenario's own)")
	flags.BoolVar(&c.strict, "strict", false, "hold responses, too, against the vendors' documents")
	flags.IntVar(&c.maxSandboxes, "max-sandboxes", 1000, "how many sandboxes are kept; 0 for any number")
	flags.Var(&c.maxBody, "max-body", "longest request body")
	flags.Var(&c.rateLimits, "rate-limits", "whether the vendors' rate limits apply")
	flags.IntVar(&c.journalEntries, "journal-entries", 1000, "how many exchanges the journal of a sandbox holds; 0 for none")
	flags.Var(&c.journalBytes, "journal-bytes", "how much the journal of a sandbox holds")
	flags.StringVar(&c.deliver, "deliver", "", "folder that receives the files of m3ter's exports (default: none does)")
	flags.StringVar(&c.s3Endpoint, "s3-endpoint", "", "S3-compatible service that receives them, such as http://127.0.0.1:9000;\nits keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	flags.StringVar(&c.s3Region, "s3-region", "us-east-1", "region of that service")
	flags.Var(&c.logFormat, "log-format", "how to write the log")
	flags.Var(&c.logLevel, "log-level", "what to log at least")
	flags.VisitAll(func(f *pflag.Flag) { fromEnv(flags, f.Name) })
}

func (c *serveConfig) options(version string, logger *slog.Logger) []emulator.Option {
	options := []emulator.Option{
		emulator.WithScenario(c.scenario),
		emulator.WithStrict(c.strict),
		emulator.WithMaxSandboxes(c.maxSandboxes),
		emulator.WithMaxBody(c.maxBody.bytes),
		emulator.WithRateLimits(c.rateLimits.value),
		emulator.WithJournal(c.journalEntries, c.journalBytes.bytes),
		emulator.WithLogger(logger),
		emulator.WithVersion(version),
	}
	if c.seedGiven {
		options = append(options, emulator.WithSeed(c.seed))
	}
	if c.data != "" {
		options = append(options, emulator.WithData(c.data))
	}
	if c.deliver != "" {
		options = append(options, emulator.WithDeliver(c.deliver))
	}
	if c.s3Endpoint != "" {
		options = append(options, emulator.WithBucketService(emulator.BucketService{
			Endpoint: c.s3Endpoint, Region: c.s3Region,
			AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		}))
	}
	return options
}

func (c *serveConfig) logger(w io.Writer) *slog.Logger {
	var options slog.HandlerOptions
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.logLevel.value)); err != nil {
		panic(err) // the flag takes slog's own words alone
	}
	options.Level = level
	if c.logFormat.value == "json" {
		return slog.New(slog.NewJSONHandler(w, &options))
	}
	return slog.New(slog.NewTextHandler(w, &options))
}

// serve runs a server until ctx ends, which is no failure, or the server fails.
func serve(ctx context.Context, cfg serveConfig, stdout, stderr io.Writer) error {
	logger := cfg.logger(stderr)
	info, _ := debug.ReadBuildInfo()
	built := describeBuild(version, info)
	if err := removeStale(cfg.portFile); err != nil {
		return err
	}
	e, err := emulator.New(cfg.options(built.Version, logger)...)
	if err != nil {
		return err
	}
	if err := start(e, cfg, built, stdout); err != nil {
		return errors.Join(err, e.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Wait() }()
	select {
	case err := <-ended:
		return errors.Join(err, e.Close())
	case <-ctx.Done():
	}
	logger.Info("stopping", "grace", shutdownGrace)
	return stop(e, logger)
}

// start listens and tells the world where: the port file for scripts, the banner for people.
func start(e *emulator.Emulator, cfg serveConfig, built build, stdout io.Writer) error {
	if err := e.Listen(net.JoinHostPort(cfg.host, strconv.Itoa(int(cfg.port)))); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(e.Addr())
	if err != nil {
		return fmt.Errorf("listening on %q: %w", e.Addr(), err)
	}
	if cfg.portFile != "" {
		if err := writeWhole(cfg.portFile, port+"\n"); err != nil {
			return fmt.Errorf("port file: %w", err)
		}
	}
	b := banner{
		version: built.Version, scenario: cfg.scenario, baseURL: "http://" + net.JoinHostPort(reachable(host), port),
		vendors: e.Vendors(), credentials: map[string][]string{},
	}
	for _, c := range e.Credentials() {
		b.credentials[c.Vendor] = append(b.credentials[c.Vendor], c.Lines...)
	}
	return b.write(stdout)
}

// reachable returns the address under which this machine reaches a server: one that listens on all addresses has no
// address of its own that a client could be given.
func reachable(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "127.0.0.1"
	}
	return host
}

// stop ends the server: politely for a while, then by cutting off what still goes on, which is worth a warning and
// no failure of the command.
func stop(e *emulator.Emulator, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	err := e.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.Warn("requests in flight were cut off", "grace", shutdownGrace, "error", err)
		return e.Close()
	}
	return err
}

// removeStale removes a file that an earlier run left, so that a file that is there speaks of this run.
func removeStale(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("port file: %w", err)
	}
	return nil
}

// writeWhole puts a file in place under its name only when it is complete.
func writeWhole(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close()) // CreateTemp makes files that only their owner reads
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
