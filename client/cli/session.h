// What every command works with: the options and the connection.
#pragma once

#include <absl/status/statusor.h>
#include <fmt/format.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "client/cli/connection.h"
#include "client/cli/exit_codes.h"
#include "client/cli/globals.h"
#include "client/cli/interrupt.h"

namespace bitscape::cli {

struct Session {
  Globals globals;
  Connection connection{globals};

  // A stub of `Service` on the connected channel.
  template <typename Service>
  absl::StatusOr<std::unique_ptr<typename Service::Stub>> Stub() {
    auto channel = connection.Channel();
    if (!channel.ok()) return channel.status();
    return Service::NewStub(*channel);
  }

  // kUnavailable names the server's address; a call that Ctrl-C cancelled says so.
  absl::Status Check(const grpc::Status& status) const;

  // One call: Invoke(&Stub::GetSweep, *stub, request) -> response.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Invoke(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                                  Stub& stub, const Request& request) const {
    Call call;
    Response response;
    const absl::Status status = Check((stub.*method)(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Follows page tokens and merges the pages; `limit` 0: all.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> InvokeForAll(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Response*),
                                        Stub& stub, Request request, int limit,
                                        int (Response::*size)() const) const {
    constexpr int kLargestPage = 1000;
    Response all;
    for (;;) {
      const int missing = limit - (all.*size)();
      request.set_page_size(limit > 0 && missing < kLargestPage ? missing : kLargestPage);
      auto page = Invoke(method, stub, request);
      if (!page.ok()) return page.status();
      const std::string token = page->next_page_token();
      page->clear_next_page_token();
      all.MergeFrom(*page);
      if (token.empty() || (limit > 0 && (all.*size)() >= limit)) return all;
      request.set_page_token(token);
    }
  }
};

}  // namespace bitscape::cli
