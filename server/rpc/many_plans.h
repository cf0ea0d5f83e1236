// Evaluations of more than one plan: many jointly, and layer by layer.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/server_context.h>

#include "bitscape/v1/evaluation.grpc.pb.h"
#include "server/rpc/services.h"

namespace bitscape::server {

// EvaluationService.EvaluatePlans and MeasureErrors. Errors: field errors; kCancelled, kUnavailable
// as for Evaluate.
absl::Status EvaluateMany(ServiceContext& context, grpc::ServerContext* call,
                          const v1::EvaluatePlansRequest& request,
                          grpc::ServerWriter<v1::EvaluatePlansResponse>* writer);
absl::Status MeasureLayerErrors(ServiceContext& context, grpc::ServerContext* call,
                                const v1::MeasureErrorsRequest& request,
                                v1::QuantizationErrors* response);

}  // namespace bitscape::server
