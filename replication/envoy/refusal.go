package envoy

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refuses says whether an answer is that the broker is not the controller. Some
// say so once, others of each thing that they were asked about.
func refuses(answer kmsg.Response) bool {
	code := int16(0)
	switch a := answer.(type) {
	case *kmsg.AlterPartitionResponse:
		code = a.ErrorCode
	case *kmsg.AllocateProducerIDsResponse:
		code = a.ErrorCode
	case *kmsg.ControlledShutdownResponse:
		code = a.ErrorCode
	case *kmsg.UpdateFeaturesResponse:
		code = a.ErrorCode
	case *kmsg.AlterPartitionAssignmentsResponse:
		code = a.ErrorCode
	case *kmsg.ListPartitionReassignmentsResponse:
		code = a.ErrorCode
	case *kmsg.ElectLeadersResponse:
		code = electLeadersCode(a)
	case *kmsg.CreateTopicsResponse:
		for i := range a.Topics {
			code = worse(code, a.Topics[i].ErrorCode)
		}
	case *kmsg.DeleteTopicsResponse:
		for i := range a.Topics {
			code = worse(code, a.Topics[i].ErrorCode)
		}
	case *kmsg.CreatePartitionsResponse:
		for i := range a.Topics {
			code = worse(code, a.Topics[i].ErrorCode)
		}
	}
	return code == kerr.NotController.Code
}

// worse is NOT_CONTROLLER if one of two codes is: what is wrong with a topic in
// itself is said by any broker.
func worse(a, b int16) int16 {
	if a == kerr.NotController.Code {
		return a
	}
	return b
}

// electLeadersCode is the error of the whole, which version 0 says of each
// partition.
func electLeadersCode(a *kmsg.ElectLeadersResponse) int16 {
	if a.ErrorCode != 0 || len(a.Topics) == 0 || len(a.Topics[0].Partitions) == 0 {
		return a.ErrorCode
	}
	return a.Topics[0].Partitions[0].ErrorCode
}
