package security

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"

	"pageheat/failure"
)

// openMSK signs tokens for Amazon MSK with the credentials that AWS's own tools would use:
// environment, profile, role of the pod or machine. Brokers accept them with OAUTHBEARER.
func openMSK() (*tokens, error) {
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region == "" {
		return nil, failure.BadSetting("sasl-mechanism", "%s requires the environment variable AWS_REGION, the region of the cluster", mskIAMMechanism)
	}
	return newTokens(func(ctx context.Context) (token, error) {
		text, expires, err := signer.GenerateAuthToken(ctx, region)
		if err != nil {
			return token{}, &TokenError{Endpoint: "AWS's credentials", err: err}
		}
		return token{text, time.UnixMilli(expires)}, nil
	}), nil
}
