package m3ter

import (
	"regexp"
	"slices"
)

// destination is a bucket that receives the files of exports.
type destination struct {
	Name            string `json:"name"`
	Code            string `json:"code"`
	DestinationType string `json:"destinationType"`
	BucketName      string `json:"bucketName"`
	Prefix          string `json:"prefix,omitempty"`
	PartitionOrder  string `json:"partitionOrder"`

	IAMRoleARN string `json:"iamRoleArn,omitempty"` // S3

	ProjectNumber       string `json:"projectNumber,omitempty"` // GCS, and the rest
	PoolID              string `json:"poolId,omitempty"`
	ProviderID          string `json:"providerId,omitempty"`
	ServiceAccountEmail string `json:"serviceAccountEmail,omitempty"`
}

const (
	destinationKind = "destination"
	onS3            = "S3"
	onGCS           = "GCS"
	timeFirst       = "TIME_FIRST"
	typeFirst       = "TYPE_FIRST"
)

var destinations = &entity[destination]{
	kind: destinationKind, title: "destination", rows: destinationRows,
	blank: destination{DestinationType: onS3, PartitionOrder: timeFirst},
	code:  func(d *destination) string { return d.Code },
	rules: checkDestination,
	inList: func(_ *call, r row[destination]) any {
		return answer{audit: r.audit(), fields: struct {
			Name            string `json:"name"`
			Code            string `json:"code"`
			DestinationType string `json:"destinationType"`
		}{r.Fields.Name, r.Fields.Code, r.Fields.DestinationType}}
	},
}

// roleARN is the form of the role that m3ter takes on; nobody is asked whether the role exists (M3T-050).
var roleARN = regexp.MustCompile(`^arn:aws:iam::\d+:role/.*$`)

func checkDestination(c *call, next *destination, before *row[destination]) error {
	if next.DestinationType == "" { // M3T-029
		next.DestinationType = onS3
		if next.PoolID != "" || next.ProjectNumber != "" {
			next.DestinationType = onGCS
		}
	}
	if next.PartitionOrder == "" {
		next.PartitionOrder = timeFirst
	}
	if next.DestinationType == onS3 {
		next.ProjectNumber, next.PoolID, next.ProviderID, next.ServiceAccountEmail = "", "", "", ""
	} else {
		next.IAMRoleARN = ""
	}
	if c.rules.Conformance {
		return nil
	}
	needed := [][2]string{{"name", next.Name}, {"code", next.Code}, {"bucketName", next.BucketName}}
	if next.DestinationType == onS3 {
		needed = append(needed, [2]string{"iamRoleArn", next.IAMRoleARN})
	} else {
		needed = append(needed, [2]string{"projectNumber", next.ProjectNumber}, [2]string{"poolId", next.PoolID},
			[2]string{"providerId", next.ProviderID})
	}
	for _, field := range needed {
		if field[1] == "" {
			return errInvalid("%s is required", field[0])
		}
	}
	switch {
	case next.DestinationType == onS3 && !roleARN.MatchString(next.IAMRoleARN):
		return errInvalid("iamRoleArn must look like arn:aws:iam::123456789012:role/name")
	case before != nil && before.Fields.DestinationType != next.DestinationType:
		return errInvalid("destinationType cannot change")
	}
	return nil
}

// checkDestinations refuses ids of destinations that do not exist.
func (c *call) checkDestinations(ids []string) error {
	for _, id := range slices.Compact(slices.Clone(ids)) {
		if !destinationRows.Has(c.tx, c.org, id) && !c.rules.Conformance {
			return errInvalid("destinationIds: there is no destination with id %s", id)
		}
	}
	return nil
}

// objectKey is where a file stands in a bucket: the date and hour are those of the run's start, in UTC (M3T-047).
func (d destination) objectKey(org string, j exportJob, f exportFile) string {
	at := j.Captured.At.UTC()
	date, hour, kind := "date="+dateOf(at), "hour="+at.Format("15"), "type="+f.Type
	key := "orgId=" + org + "/"
	if d.Prefix != "" {
		key = trimSlashes(d.Prefix) + "/" + key
	}
	if d.PartitionOrder == typeFirst {
		return key + kind + "/" + date + "/" + hour + "/" + f.Name
	}
	return key + date + "/" + hour + "/" + kind + "/" + f.Name
}
