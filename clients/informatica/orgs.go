package informatica

import (
	"context"
	"fmt"

	"github.com/submeter/submeter/clients/internal/transport"
)

// OrgAlert reads the consumption of an organization and its threshold.
func (c *Client) OrgAlert(ctx context.Context, orgID string) (OrgAlert, error) {
	return transport.Value[OrgAlert](readError)(c.raw.GetOrgAlert(ctx, orgID))
}

// TagAlerts reads the consumption of an organization's projects and folders and their thresholds. The vendor shows one
// threshold without a list around it.
func (c *Client) TagAlerts(ctx context.Context, orgID string) ([]TagAlert, error) {
	answer, err := transport.Value[GetTagAlerts200JSONResponseBody](readError)(c.raw.GetTagAlerts(ctx, orgID))
	if err != nil {
		return nil, err
	}
	if list, err := answer.AsGetTagAlerts200JSONResponseBody1(); err == nil {
		return list, nil
	}
	one, err := answer.AsTagAlert()
	if err != nil {
		return nil, fmt.Errorf("alerts of %s: %w", orgID, err)
	}
	return []TagAlert{one}, nil
}

// Org reads the caller's organization, with those under it, or by its id another one under the caller's.
func (c *Client) Org(ctx context.Context, id string) (OrgV2, error) {
	if id == "" {
		return transport.Value[OrgV2](readError)(c.raw.GetOwnOrgV2(ctx))
	}
	return transport.Value[OrgV2](readError)(c.raw.GetOrgV2(ctx, id))
}

// OrgByName reads an organization under the caller's by its exact name.
func (c *Client) OrgByName(ctx context.Context, name string) (OrgV2, error) {
	return transport.Value[OrgV2](readError)(c.raw.GetOrgByNameV2(ctx, name))
}

// License reads the licenses of an organization.
func (c *Client) License(ctx context.Context, orgID string) (OrgLicense, error) {
	return transport.Value[OrgLicense](readError)(c.raw.GetOrgLicense(ctx, orgID))
}
