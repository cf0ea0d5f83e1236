#include "bitscape/v1/accelerator_service.grpc.pb.h"
#include "engine/core/status.h"
#include "server/rpc/lookup.h"
#include "server/rpc/services.h"
#include "server/rpc/status_to_grpc.h"
#include "server/rpc/tokens.h"
#include "server/specs/convert.h"
#include "server/specs/resource_names.h"

namespace bitscape::server {
namespace {

v1::Accelerator ToResource(const cost_models::Accelerator& accelerator) {
  v1::Accelerator proto;
  proto.set_name(AcceleratorName(accelerator.name));
  proto.set_digest(accelerator.Digest());
  *proto.mutable_spec() = ToProto(accelerator);
  return proto;
}

class AcceleratorServiceImpl final : public v1::AcceleratorService::Service {
 public:
  explicit AcceleratorServiceImpl(Library& library) : library_(library) {}

  grpc::Status ListAccelerators(grpc::ServerContext*, const v1::ListAcceleratorsRequest* request,
                                v1::ListAcceleratorsResponse* response) override {
    return Handle([&] { return List(*request, response); });
  }
  grpc::Status GetAccelerator(grpc::ServerContext*, const v1::GetAcceleratorRequest* request,
                              v1::Accelerator* response) override {
    return Handle([&] {
      const auto accelerator = FindAccelerator(library_, request->name(), "name");
      if (accelerator.ok()) {
        *response = ToResource(**accelerator);
      }
      return accelerator.status();
    });
  }
  grpc::Status CreateAccelerator(grpc::ServerContext*, const v1::CreateAcceleratorRequest* request,
                                 v1::Accelerator* response) override {
    return Handle([&] { return Create(*request, response); });
  }

 private:
  absl::Status List(const v1::ListAcceleratorsRequest& request,
                    v1::ListAcceleratorsResponse* response) {
    BITSCAPE_ASSIGN_OR_RETURN(std::vector<std::string> names, library_.AcceleratorNames());
    BITSCAPE_ASSIGN_OR_RETURN(
        NamePage page,
        PageOfNames("accelerators", std::move(names), request.page_size(), request.page_token()));
    for (const std::string& name : page.names) {
      BITSCAPE_ASSIGN_OR_RETURN(const auto accelerator, library_.GetAccelerator(name));
      *response->add_accelerators() = ToResource(*accelerator);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  }

  absl::Status Create(const v1::CreateAcceleratorRequest& request, v1::Accelerator* response) {
    BITSCAPE_ASSIGN_OR_RETURN(const cost_models::Accelerator checked,
                              ToAccelerator(request.spec()));
    const auto created = library_.CreateAccelerator(checked, request.spec().SerializeAsString(),
                                                    request.validate_only());
    if (!created.ok()) {
      return AboutResource(created.status(), "bitscape.v1.Accelerator",
                           AcceleratorName(checked.name));
    }
    *response = ToResource(**created);
    return absl::OkStatus();
  }

  Library& library_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAcceleratorService(ServiceContext& context) {
  return std::make_unique<AcceleratorServiceImpl>(context.library);
}

}  // namespace bitscape::server
