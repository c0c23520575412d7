package security

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
)

// mskToken signs a token for Amazon MSK with the credentials that AWS's own tools would use:
// environment, profile, role of the pod or machine. Brokers take it by OAUTHBEARER.
func mskToken(ctx context.Context) (token, error) {
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = os.Getenv("AWS_DEFAULT_REGION")
	}
	if region == "" {
		return token{}, errors.New("signing a token for AWS_MSK_IAM: set AWS_REGION to the region of the cluster")
	}
	text, expires, err := signer.GenerateAuthToken(ctx, region)
	if err != nil {
		return token{}, fmt.Errorf("signing a token for AWS_MSK_IAM: %w", err)
	}
	return token{text, time.UnixMilli(expires)}, nil
}
