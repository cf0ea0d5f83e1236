#include "server/rpc/connect.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>

#include "engine/core/status.h"
#include "server/rpc/connect_json.h"
#include "server/rpc/status_to_grpc.h"

namespace bitscape::server {
namespace {

using google::protobuf::MethodDescriptor;

constexpr std::string_view kUnaryType = "application/json";
constexpr std::string_view kStreamType = "application/connect+json";
constexpr size_t kEnvelopeHeader = 5;  // flags, then the length in four bytes, big-endian
constexpr char kEndOfStream = 2;

// Without parameters such as "; charset=utf-8".
std::string_view MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) {
    type.remove_suffix(1);
  }
  return type;
}

std::string Path(const ConnectRequest& request) {
  return fmt::format("/{}/{}", request.service, request.method);
}

absl::Status SetDeadline(const ConnectRequest& request, grpc::ClientContext* context) {
  if (request.timeout_ms.empty()) {
    return absl::OkStatus();
  }
  constexpr size_t kMostDigits = 10;  // the protocol's limit
  int64_t milliseconds = 0;
  if (request.timeout_ms.size() > kMostDigits ||
      !absl::SimpleAtoi(request.timeout_ms, &milliseconds) || milliseconds < 0) {
    return absl::InvalidArgumentError(
        fmt::format("Connect-Timeout-Ms '{}' is not a number of milliseconds of at most {} digits",
                    request.timeout_ms.substr(0, 40), kMostDigits));
  }
  if (milliseconds == 0) {
    return absl::DeadlineExceededError("no time is left for the call");
  }
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(milliseconds));
  return absl::OkStatus();
}

std::string Envelope(char flags, std::string_view data) {
  std::string envelope(1, flags);
  for (int shift = 24; shift >= 0; shift -= 8) {
    envelope += static_cast<char>(data.size() >> shift & 0xff);
  }
  envelope += data;
  return envelope;
}

// The only message of a streaming request.
absl::StatusOr<std::string_view> OpenEnvelope(std::string_view body) {
  if (body.size() < kEnvelopeHeader || body[0] != 0) {
    return absl::InvalidArgumentError("the body is not one uncompressed envelope");
  }
  size_t size = 0;
  for (size_t i = 1; i < kEnvelopeHeader; ++i) {
    size = size << 8 | static_cast<unsigned char>(body[i]);
  }
  body.remove_prefix(kEnvelopeHeader);
  if (size != body.size()) {
    return absl::InvalidArgumentError(
        fmt::format("the envelope tells {} bytes, {} follow", size, body.size()));
  }
  return body;
}

class Stream : public ConnectStream {
 public:
  Stream(std::shared_ptr<grpc::Channel> channel, const MethodDescriptor& method,
         grpc::ByteBuffer request)
      : method_(method), stub_(std::move(channel)), request_(std::move(request)) {}
  ~Stream() override {
    if (call_ != nullptr && step_ != Step::kDone) {
      context_.TryCancel();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::ClientContext& context() { return context_; }
  void Begin(const std::string& path) {
    call_ = stub_.PrepareCall(&context_, path, &queue_);
    call_->StartCall(this);
  }

  std::optional<std::string> Next(int wait_ms) override {
    const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(wait_ms);
    while (step_ != Step::kDone) {
      void* tag = nullptr;
      bool ok = false;
      if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
        return "";
      }
      if (std::optional<std::string> envelope = Advance(ok)) {
        return envelope;
      }
    }
    return std::nullopt;
  }

 private:
  enum class Step { kStarting, kWriting, kReading, kFinishing, kDone };

  // One operation is under way at any time; begins the next.
  std::optional<std::string> Advance(bool ok) {
    if (!ok && step_ != Step::kFinishing) {
      step_ = Step::kFinishing;
      call_->Finish(&status_, this);
      return std::nullopt;
    }
    switch (step_) {
      case Step::kStarting:
        step_ = Step::kWriting;
        call_->WriteLast(request_, grpc::WriteOptions(), this);
        return std::nullopt;
      case Step::kWriting:
        step_ = Step::kReading;
        call_->Read(&response_, this);
        return std::nullopt;
      case Step::kReading: {
        const absl::StatusOr<std::string> json = ToJson(response_, *method_.output_type());
        if (!json.ok()) {
          step_ = Step::kDone;
          context_.TryCancel();
          return End(ToGrpc(json.status()));
        }
        call_->Read(&response_, this);
        return Envelope(0, *json);
      }
      default:
        step_ = Step::kDone;
        return End(status_);
    }
  }

  static std::string End(const grpc::Status& status) {
    return Envelope(kEndOfStream,
                    status.ok() ? "{}" : fmt::format("{{\"error\":{}}}", ErrorJson(status)));
  }

  const MethodDescriptor& method_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer request_, response_;
  grpc::Status status_;
  Step step_ = Step::kStarting;
};

}  // namespace

ConnectGateway::ConnectGateway(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)) {}
ConnectGateway::~ConnectGateway() = default;

bool ConnectGateway::IsStreaming(const ConnectRequest& request) {
  return MediaType(request.content_type) == kStreamType;
}

HttpAnswer ConnectGateway::Call(const ConnectRequest& request) {
  const absl::StatusOr<const MethodDescriptor*> method = FindMethod(request);
  if (!method.ok()) {
    return ToAnswer(ToGrpc(method.status()));
  }
  if (MediaType(request.content_type) != kUnaryType) {
    return {415, std::string(kUnaryType),
            ErrorJson(grpc::Status(
                grpc::StatusCode::UNKNOWN,
                fmt::format("content type '{}' is not served; allowed: {}, and {} for streams",
                            request.content_type, kUnaryType, kStreamType)))};
  }
  if ((*method)->client_streaming() || (*method)->server_streaming()) {
    return ToAnswer(
        grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                     fmt::format("{} streams; it is not a unary call", (*method)->full_name())));
  }
  grpc::ClientContext context;
  const absl::Status deadline = SetDeadline(request, &context);
  const absl::StatusOr<grpc::ByteBuffer> bytes = ToBytes(request.body, *(*method)->input_type());
  if (!deadline.ok() || !bytes.ok()) {
    return ToAnswer(ToGrpc(deadline.ok() ? bytes.status() : deadline));
  }
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, Path(request), *bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) {
    return ToAnswer(status);
  }
  absl::StatusOr<std::string> json = ToJson(response, *(*method)->output_type());
  if (!json.ok()) {
    return ToAnswer(ToGrpc(json.status()));
  }
  return {200, std::string(kUnaryType), *std::move(json)};
}

std::unique_ptr<ConnectStream> ConnectGateway::Open(const ConnectRequest& request,
                                                    HttpAnswer* refusal) {
  // Refusals of streams are an end-of-stream envelope with HTTP status 200, as the protocol has it.
  const auto refuse = [refusal](const absl::Status& status) {
    *refusal = {200, std::string(kStreamType),
                Envelope(kEndOfStream, fmt::format("{{\"error\":{}}}", ErrorJson(ToGrpc(status))))};
    return nullptr;
  };
  const absl::StatusOr<const MethodDescriptor*> method = FindMethod(request);
  if (!method.ok()) {
    return refuse(method.status());
  }
  if ((*method)->client_streaming() || !(*method)->server_streaming()) {
    return refuse(absl::UnimplementedError(
        fmt::format("{} is not a server-streaming call", (*method)->full_name())));
  }
  const absl::StatusOr<std::string_view> json = OpenEnvelope(request.body);
  if (!json.ok()) {
    return refuse(json.status());
  }
  absl::StatusOr<grpc::ByteBuffer> bytes = ToBytes(*json, *(*method)->input_type());
  if (!bytes.ok()) {
    return refuse(bytes.status());
  }
  auto stream = std::make_unique<Stream>(channel_, **method, *std::move(bytes));
  if (absl::Status status = SetDeadline(request, &stream->context()); !status.ok()) {
    return refuse(status);
  }
  stream->Begin(Path(request));
  return stream;
}

}  // namespace bitscape::server
