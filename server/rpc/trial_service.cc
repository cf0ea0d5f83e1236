#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <set>

#include "bitscape/v1/trial.grpc.pb.h"
#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/sweep_proto.h"
#include "server/rpc/tokens.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

class TrialServiceImpl final : public v1::TrialService::Service {
 public:
  explicit TrialServiceImpl(Store& store) : store_(store) {}

  grpc::Status GetTrial(grpc::ServerContext*, const v1::GetTrialRequest* request,
                        v1::Trial* response) override {
    return Handle([&] { return Get(*request, response); });
  }
  grpc::Status ListTrials(grpc::ServerContext*, const v1::ListTrialsRequest* request,
                          v1::ListTrialsResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }

 private:
  absl::Status Get(const v1::GetTrialRequest& request, v1::Trial* response) {
    BITSCAPE_ASSIGN_OR_RETURN(const TrialKey key, ParseTrialName(request.name(), "name"));
    BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, FindSweep(store_, key.sweep, "name"));
    const absl::StatusOr<Trial> trial = store_.GetTrial(key.sweep, key.ordinal);
    if (absl::IsNotFound(trial.status())) {
      return AboutResource(
          absl::NotFoundError(fmt::format("sweep '{}' has no trial '{}'; it has {}, '{}' to '{}'",
                                          key.sweep, TrialId(key.ordinal), sweep.trials, TrialId(0),
                                          TrialId(sweep.trials - 1))),
          "bitscape.v1.Trial", request.name());
    }
    BITSCAPE_RETURN_IF_ERROR(trial.status());
    BITSCAPE_ASSIGN_OR_RETURN(const v1::SweepSpec spec, SpecOf(sweep));
    *response = ToProto(*trial, spec);
    return absl::OkStatus();
  }

  absl::Status List(const v1::ListTrialsRequest& request, v1::ListTrialsResponse* response);

  Store& store_;
};

absl::Status TrialServiceImpl::List(const v1::ListTrialsRequest& request,
                                    v1::ListTrialsResponse* response) {
  BITSCAPE_ASSIGN_OR_RETURN(const Sweep sweep, FindSweep(store_, request.parent(), "parent"));
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t size, PageSize(request.page_size()));
  std::string scope = fmt::format("trials/{}", sweep.id);
  TrialQuery query;
  query.sweep = sweep.id;
  query.limit = size + 1;
  std::set<int> states;  // whatever their order in the request: one query, one scope of tokens
  for (int i = 0; i < request.states_size(); ++i) {
    const int state = request.states(i);
    if (state == v1::Trial::STATE_UNSPECIFIED || !v1::Trial::State_IsValid(state)) {
      return FieldError(fmt::format("states[{}]", i), fmt::format("{} is not a state", state));
    }
    states.insert(state);
  }
  for (const int state : states) {
    query.states.push_back(static_cast<TrialState>(state));
    absl::StrAppend(&scope, "/", state);
  }
  if (!request.page_token().empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(query.after_ordinal,
                              ReadNumberToken(scope, request.page_token(), "page_token"));
  }
  BITSCAPE_ASSIGN_OR_RETURN(std::vector<Trial> trials, store_.ListTrials(query));
  if (static_cast<int64_t>(trials.size()) > size) {
    trials.pop_back();
    response->set_next_page_token(MakeToken(scope, absl::StrCat(trials.back().ordinal)));
  }
  BITSCAPE_ASSIGN_OR_RETURN(const v1::SweepSpec spec, SpecOf(sweep));
  size_t bytes = 0;
  int64_t last = -1;
  for (const Trial& trial : trials) {
    if (bytes > kMaxPageBytes) {
      response->set_next_page_token(MakeToken(scope, absl::StrCat(last)));
      break;
    }
    *response->add_trials() = ToProto(trial, spec);
    bytes += response->trials(response->trials_size() - 1).ByteSizeLong();
    last = trial.ordinal;
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<grpc::Service> MakeTrialService(ServiceContext& context) {
  return std::make_unique<TrialServiceImpl>(context.store);
}

}  // namespace bitscape::server
