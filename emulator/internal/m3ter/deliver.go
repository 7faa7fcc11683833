package m3ter

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
)

// BucketService is an S3-compatible service that stands for the clouds of all destinations.
type BucketService struct {
	Endpoint  string // http://127.0.0.1:9000
	Region    string // us-east-1 when empty
	AccessKey string
	SecretKey string
}

// courier brings files to where buckets are.
type courier interface {
	// deliver stores what write writes under a key of a bucket.
	deliver(sandbox, bucket, key string, write func(io.Writer) error) error
}

// deliveries are the jobs whose files are still to be brought to their destinations, with the instant of their end.
var deliveries = store.NewTable[time.Time]("m3ter/deliveries")

func couriers(cfg Config) []courier {
	var all []courier
	if cfg.Deliver != "" {
		all = append(all, folder(cfg.Deliver))
	}
	if cfg.Bucket != nil {
		all = append(all, cfg.Bucket)
	}
	return all
}

// folder has a folder for each bucket (M3T-050). What the default sandbox delivers stands in it directly, what another one
// does below the sandbox's name: tests side by side would overwrite one another's files, for equal worlds give equal ids.
type folder string

const defaultSandbox = "default"

// deliver writes a file that appears under its name when it is whole. Neither bucket nor key leads out of the folder.
func (f folder) deliver(sandbox, bucket, key string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	name := path.Join(bucket, key)
	if sandbox != defaultSandbox {
		name = path.Join("~"+sandbox, name)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	partial := name + ".partial"
	file, err := root.Create(partial)
	if err != nil {
		return err
	}
	err = write(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = root.Remove(partial)
		return err
	}
	return root.Rename(partial, name)
}

// uploadPart is what an upload holds in memory.
const uploadPart = 8 << 20

// deliver uploads a file in parts as it is being written.
func (s *BucketService) deliver(_, bucket, key string, write func(io.Writer) error) error {
	endpoint, err := url.Parse(s.Endpoint)
	if err != nil || endpoint.Host == "" {
		return fmt.Errorf("%q is not the address of a bucket service", s.Endpoint)
	}
	region := s.Region
	if region == "" {
		region = "us-east-1" // spares asking the service for it
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: endpoint.Scheme == "https",
		Region: region, BucketLookup: minio.BucketLookupPath, MaxRetries: 2,
	})
	if err != nil {
		return err
	}
	from, to := io.Pipe()
	go func() { to.CloseWithError(write(to)) }()
	// Parts are secured by their MD5: few services but Amazon's read parts that are signed in chunks.
	_, err = client.PutObject(context.Background(), bucket, key, from, -1, minio.PutObjectOptions{
		ContentType: "application/gzip", PartSize: uploadPart, SendContentMd5: true, DisableContentSha256: true,
	})
	from.CloseWithError(io.ErrClosedPipe) // lets write end where the upload has failed
	return err
}

// deliverAll brings the files of all ended jobs to their destinations. It is called by one at a time for a sandbox.
func (a *API) deliverAll(sb *store.Sandbox) error {
	var waiting []string
	err := sb.View(func(tx *store.Tx) error {
		for key := range deliveries.Prefix(tx, "") {
			waiting = append(waiting, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range waiting {
		org, id, _ := strings.Cut(key, nul)
		cause := a.deliverJob(sb, org, id)
		if cause != nil {
			a.log.Warn("an export could not be delivered", "vendor", vendor, "job", id, "error", cause)
		}
		if err := sb.Update(func(tx *store.Tx) error { settleDelivery(tx, org, id, cause); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// deliverJob writes every file of a job to every destination.
func (a *API) deliverJob(sb *store.Sandbox, org, id string) error {
	var (
		j       exportJob
		targets []destination
	)
	err := sb.View(func(tx *store.Tx) error {
		j, _ = exportJobs.Get(tx, org, id)
		for _, to := range j.Config.DestinationIDs {
			r, ok := destinationRows.Get(tx, org, to)
			if !ok {
				return fmt.Errorf("destination %s no longer exists", to)
			}
			targets = append(targets, r.Fields)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, to := range targets {
		for _, f := range j.Captured.Files {
			write := func(w io.Writer) error {
				return sb.View(func(tx *store.Tx) error {
					return callAs(tx, org, systemUser, tx.Now).writeFile(w, id, j, f)
				})
			}
			for _, by := range a.deliver {
				if err := by.deliver(sb.Name(), to.BucketName, to.objectKey(org, j, f), write); err != nil {
					return fmt.Errorf("destination %s is not writable: %w", to.Code, err)
				}
			}
		}
	}
	return nil
}

// settleDelivery ends a job whose files went out, or fails it, as of the instant its plan ended.
func settleDelivery(tx *store.Tx, org, id string, cause error) {
	ended, ok := deliveries.Get(tx, org+nul+id)
	if !ok {
		return
	}
	deliveries.Delete(tx, org+nul+id)
	j, ok := exportJobs.Get(tx, org, id)
	if !ok {
		return
	}
	c := callAs(tx, org, systemUser, ended)
	from := stateBefore(j.Plan, ended)
	j.Delivering = false
	if cause != nil {
		last := len(j.Plan.Turns) - 1
		j.Plan = job.Plan{
			Turns:   append(slices.Clone(j.Plan.Turns[:last]), job.Turn{At: j.Plan.Turns[last].At, State: jobFailed}),
			Outcome: jobFailed, Error: cause.Error(),
		}
		c.recordFailure(id, j, cause.Error())
	}
	exportJobs.Put(tx, org, id, j)
	c.fire(exportKind, id, from, j.Plan.Outcome)
}

func trimSlashes(prefix string) string { return strings.Trim(prefix, "/") }
