#include "server/rpc/http_port.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "server/rpc/services.h"
#include "server/rpc/version.h"

namespace bitscape::server {
namespace {

// A connection holds a thread from its acceptance to its end: silent ones are let go soon.
constexpr size_t kThreads = 64;
constexpr time_t kKeepAliveSeconds = 2;
constexpr time_t kReadSeconds = 2;
// Streams hold a thread each; the others stay free for /metrics and unary calls.
constexpr int kStreams = 8;
constexpr size_t kMaxBodyBytes = size_t{8} << 20;
constexpr int kStreamWaitMs = 200;

void Set(const HttpAnswer& answer, httplib::Response& response) {
  response.status = answer.status;
  response.set_content(answer.body, answer.content_type);
}

std::string PlainPage() {
  std::string services;
  for (const std::string& name : ServiceNames()) {
    services += fmt::format("<li><code>POST /{}/METHOD</code></li>\n", name);
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>bitscape</title>\n"
      "<h1>bitscape {}</h1>\n<p><a href=\"/metrics\">/metrics</a>: Prometheus metrics</p>\n"
      "<p>Services as JSON (Connect protocol):</p>\n<ul>\n{}</ul>\n</html>\n",
      Version(), services);
}

// The body of errors that no handler answered.
httplib::Server::HandlerResponse ExplainError(const httplib::Request& request,
                                              httplib::Response& response) {
  if (!response.body.empty()) {
    return httplib::Server::HandlerResponse::Unhandled;
  }
  constexpr int kPayloadTooLarge = 413;
  const std::string text = response.status == kPayloadTooLarge
                               ? fmt::format("the body has more than {} bytes", kMaxBodyBytes)
                               : fmt::format("HTTP {}: nothing is served as {} {}", response.status,
                                             request.method, request.path.substr(0, 200));
  response.set_content(text + "\n", "text/plain; charset=utf-8");
  return httplib::Server::HandlerResponse::Handled;
}

class HttpPortImpl : public HttpPort {
 public:
  HttpPortImpl(ConnectGateway& gateway, Telemetry& telemetry)
      : gateway_(gateway), telemetry_(telemetry) {}
  ~HttpPortImpl() override { Stop(); }

  absl::Status Bind(const Address& address, const std::filesystem::path& web);
  void Serve();
  std::string address() const override { return address_; }
  void Stop() override;

 private:
  void AddRoutes(const std::filesystem::path& web);
  void Answer(const httplib::Request& request, httplib::Response& response);
  void AnswerStream(const ConnectRequest& request, httplib::Response& response);

  ConnectGateway& gateway_;
  Telemetry& telemetry_;
  httplib::Server server_;
  std::string address_;
  StreamSlots streams_{kStreams};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

void HttpPortImpl::AnswerStream(const ConnectRequest& request, httplib::Response& response) {
  absl::StatusOr<StreamSlots::Slot> slot = streams_.Take("streams over HTTP");
  if (!slot.ok()) {
    Set(ConnectError(static_cast<int>(slot.status().code()), std::string(slot.status().message())),
        response);
    return;
  }
  HttpAnswer refusal;
  std::shared_ptr<ConnectStream> stream = gateway_.Open(request, &refusal);
  if (stream == nullptr) {
    Set(refusal, response);
    return;
  }
  // Copyable, as std::function wants it: stream and slot live as long as the response.
  auto held = std::make_shared<StreamSlots::Slot>(*std::move(slot));
  response.set_chunked_content_provider(
      "application/connect+json", [this, stream, held](size_t, httplib::DataSink& sink) {
        const std::optional<std::string> bytes = stream->Next(kStreamWaitMs);
        if (!bytes) {
          sink.done();
          return true;
        }
        return !stopping_ && sink.is_writable() &&
               (bytes->empty() || sink.write(bytes->data(), bytes->size()));
      });
}

void HttpPortImpl::Answer(const httplib::Request& http, httplib::Response& response) {
  const ConnectRequest request = {.service = http.matches[1],
                                  .method = http.matches[2],
                                  .content_type = http.get_header_value("Content-Type"),
                                  .timeout_ms = http.get_header_value("Connect-Timeout-Ms"),
                                  .body = http.body};
  if (ConnectGateway::IsStreaming(request)) {
    AnswerStream(request, response);
  } else {
    Set(gateway_.Call(request), response);
  }
}

void HttpPortImpl::AddRoutes(const std::filesystem::path& web) {
  server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(telemetry_.Text(), "text/plain; version=0.0.4; charset=utf-8");
  });
  server_.Post(R"(/([A-Za-z0-9_.]+)/([A-Za-z0-9_]+))",
               [this](const httplib::Request& request, httplib::Response& response) {
                 Answer(request, response);
               });
  // A method in a browser's address bar.
  const auto refuse = [](const httplib::Request& request, httplib::Response& response) {
    const HttpAnswer answer =
        ConnectError(static_cast<int>(absl::StatusCode::kUnimplemented),
                     fmt::format("{} is not answered for methods of services; use POST with the "
                                 "request as JSON in the body",
                                 request.method));
    constexpr int kMethodNotAllowed = 405;
    response.set_header("Allow", "POST");
    Set({kMethodNotAllowed, answer.content_type, answer.body}, response);
  };
  constexpr char kMethods[] = R"(/bitscape\.v1\.[A-Za-z0-9_]+/[A-Za-z0-9_]+)";
  server_.Get(kMethods, refuse);  // and HEAD
  server_.Put(kMethods, refuse);
  server_.Patch(kMethods, refuse);
  server_.Delete(kMethods, refuse);
  if (web.empty() || !server_.set_mount_point("/", web.string())) {
    server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(PlainPage(), "text/html; charset=utf-8");
    });
  }
  server_.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
        Set(ConnectError(static_cast<int>(absl::StatusCode::kInternal),
                         "the request could not be answered"),
            response);
      });
  server_.set_error_handler(httplib::Server::HandlerWithResponse(ExplainError));
}

absl::Status HttpPortImpl::Bind(const Address& address, const std::filesystem::path& web) {
  if (address.is_unix()) {
    return absl::InvalidArgumentError(
        fmt::format("the HTTP port takes HOST:PORT, not '{}'", address.text));
  }
  server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_.set_payload_max_length(kMaxBodyBytes);
  server_.set_keep_alive_timeout(kKeepAliveSeconds);
  server_.set_read_timeout(kReadSeconds);
  // The library's default also sets SO_REUSEPORT, with which a second server would take half of the
  // first one's connections.
  server_.set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  AddRoutes(web);
  int port = address.port;
  if (port == 0) {
    port = server_.bind_to_any_port(address.host);
  } else if (!server_.bind_to_port(address.host, port)) {
    port = -1;
  }
  if (port <= 0) {
    const absl::Status reason = Probe(address);
    return reason.ok() ? absl::UnavailableError(fmt::format("can't listen on {}", address.text))
                       : reason;
  }
  address_ = address.WithPort(port);
  return absl::OkStatus();
}

void HttpPortImpl::Serve() {
  thread_ = std::thread([this] { server_.listen_after_bind(); });
  // stop() has no effect on a server whose loop has not begun.
  while (!server_.is_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void HttpPortImpl::Stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    server_.stop();
    thread_.join();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpPort>> HttpPort::Start(const Address& address,
                                                          ConnectGateway& gateway,
                                                          Telemetry& telemetry,
                                                          const std::filesystem::path& web) {
  auto port = std::make_unique<HttpPortImpl>(gateway, telemetry);
  if (absl::Status status = port->Bind(address, web); !status.ok()) {
    return status;
  }
  port->Serve();
  return port;
}

}  // namespace bitscape::server
