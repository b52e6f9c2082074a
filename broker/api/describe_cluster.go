package api

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// Types of endpoints (KIP-919).
const (
	brokerEndpoints     int8 = 1
	controllerEndpoints int8 = 2
)

// describeCluster answers DescribeCluster (60): the brokers, the controller and
// the cluster's id, without any topic (KIP-700).
//
//	v1  endpoint type; only brokers can be described here
func (a *API) describeCluster(_ context.Context, r *server.Request, q *kmsg.DescribeClusterRequest) (*kmsg.DescribeClusterResponse, error) {
	out := kmsg.NewPtrDescribeClusterResponse()
	out.EndpointType = brokerEndpoints
	out.ControllerID = -1
	out.ClusterAuthorizedOperations = notAsked
	switch {
	case q.Version < 1 || q.EndpointType == brokerEndpoints:
	case q.EndpointType == controllerEndpoints:
		out.ErrorCode = kerr.MismatchedEndpointType.Code
		out.ErrorMessage = text("The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
		return out, nil
	default:
		out.ErrorCode = kerr.UnsupportedEndpointType.Code
		out.ErrorMessage = text(fmt.Sprintf("Unsupported endpoint type %d", q.EndpointType))
		return out, nil
	}
	im := a.Image()
	out.ClusterID = im.ClusterID
	out.ClusterAuthorizedOperations = operations(q.IncludeClusterAuthorizedOperations, clusterOperations)
	brokers := im.Brokers()
	for i := range brokers {
		at, ok := a.reach(&brokers[i], r.Conn)
		if !ok {
			continue
		}
		row := kmsg.NewDescribeClusterResponseBroker()
		row.NodeID, row.Host, row.Port = brokers[i].ID, at.host, at.port
		if brokers[i].Rack != "" {
			row.Rack = &brokers[i].Rack
		}
		out.Brokers = append(out.Brokers, row)
		if row.NodeID == im.Controller {
			out.ControllerID = im.Controller
		}
	}
	return out, nil
}
