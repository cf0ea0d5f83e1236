// bitscape accelerator ...
#include <absl/strings/cord.h>
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "bitscape/v1/accelerator_service.grpc.pb.h"
#include "bitscape/v1/cost.grpc.pb.h"
#include "client/cli/accelerator_view.h"
#include "client/cli/command_line.h"
#include "client/cli/cost_options.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/spec/locate.h"
#include "proto/spec/reader.h"

namespace bitscape::cli {
namespace {

constexpr int64_t kMaxSpecBytes = 4 << 20;

struct ShowOptions {
  std::string name, plan;
  v1::CostReading reading;
};

absl::StatusOr<v1::MachinePrice> PriceOf(Session& session, const v1::Accelerator& accelerator,
                                         const ShowOptions& options) {
  auto stub = session.Stub<v1::CostService>();
  if (!stub.ok()) return stub.status();
  v1::PriceMachineRequest request;
  request.set_accelerator(accelerator.name());
  request.set_plan(options.plan);
  *request.mutable_reading() = options.reading;
  return session.Invoke(&v1::CostService::Stub::PriceMachine, **stub, request);
}

absl::Status Show(Session& session, const ShowOptions& options) {
  auto stub = session.Stub<v1::AcceleratorService>();
  if (!stub.ok()) return stub.status();
  v1::GetAcceleratorRequest request;
  request.set_name(Qualified("accelerators", options.name));
  const auto accelerator =
      session.Invoke(&v1::AcceleratorService::Stub::GetAccelerator, **stub, request);
  if (!accelerator.ok()) return accelerator.status();
  // As YAML it is a file to start one's own machine from.
  if (session.globals.output == "yaml") return WriteStdout(ToYaml(accelerator->spec()));
  if (session.globals.output != "table") {
    return Print(session.globals, *accelerator, View());
  }
  const auto price = PriceOf(session, *accelerator, options);
  if (price.ok()) return Print(session.globals, *accelerator, ViewOf(*accelerator, &*price));
  // Nobody asked for this plan: what can be shown is shown.
  if (!options.plan.empty() || !absl::IsFailedPrecondition(price.status())) return price.status();
  View view = ViewOf(*accelerator, nullptr);
  view.note += "\n\n" + std::string(price.status().message());
  return Print(session.globals, *accelerator, view);
}

struct ImportOptions {
  std::string file;
  bool validate_only = false;
};

// The server's error about a field of the spec, with the field's place in the file before it.
absl::Status InFile(const absl::Status& status, const std::string& file, const std::string& text) {
  constexpr std::string_view kSpec = "spec.";
  const std::string field = FieldOf(status);
  if (!field.starts_with(kSpec)) return status;
  absl::Status placed(status.code(),
                      fmt::format("{}: {}",
                                  spec::Locate(text, file, spec::SyntaxOf(file),
                                               std::string_view(field).substr(kSpec.size())),
                                  std::string(status.message())));
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { placed.SetPayload(type, payload); });
  return placed;
}

absl::Status Import(Session& session, const ImportOptions& options) {
  const auto text = ReadInput(options.file, kMaxSpecBytes);
  if (!text.ok()) return text.status();
  v1::CreateAcceleratorRequest request;
  const absl::Status read =
      spec::ReadSpec(*text, options.file, spec::SyntaxOf(options.file), request.mutable_spec());
  if (!read.ok()) return read;
  request.set_validate_only(options.validate_only);
  auto stub = session.Stub<v1::AcceleratorService>();
  if (!stub.ok()) return stub.status();
  const auto accelerator =
      session.Invoke(&v1::AcceleratorService::Stub::CreateAccelerator, **stub, request);
  if (!accelerator.ok()) return InFile(accelerator.status(), options.file, *text);
  return Print(session.globals, *accelerator, ViewOf(*accelerator, nullptr));
}

void AddList(CommandLine& line, CLI::App* noun) {
  const auto limit = std::make_shared<int>(0);
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists accelerators.", "accelerator list", [limit](Session& session) {
        auto stub = session.Stub<v1::AcceleratorService>();
        if (!stub.ok()) return stub.status();
        const auto accelerators = session.InvokeForAll(
            &v1::AcceleratorService::Stub::ListAccelerators, **stub, v1::ListAcceleratorsRequest(),
            *limit, &v1::ListAcceleratorsResponse::accelerators_size);
        if (!accelerators.ok()) return accelerators.status();
        return Print(session.globals, *accelerators, ViewOf(*accelerators), "accelerators");
      });
  AddLimit(list, *limit);
}

}  // namespace

void AddAcceleratorCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("accelerator", "Machines that plans are priced on");
  AddList(line, noun);

  const auto shown = std::make_shared<ShowOptions>();
  CLI::App* show = line.AddVerb(
      noun, "show",
      "Shows one accelerator: its blocks, memories, areas and datapaths with their sources; -o "
      "yaml "
      "prints the spec alone, which import takes.",
      "accelerator show eyeriss_like\naccelerator show eyeriss_like -o yaml > machine.yaml\n"
      "accelerator show eyeriss_like --plan weights=fp16,activations=fp16 --node 7nm",
      [shown](Session& session) { return Show(session, *shown); });
  show->add_option("accelerator", shown->name, "The accelerator's name")->required();
  show->add_option("--plan", shown->plan,
                   "What areas are priced for (else its own datapaths, or int8)");
  AddReadingOptions(show, &shown->reading);

  const auto options = std::make_shared<ImportOptions>();
  CLI::App* import = line.AddVerb(
      noun, "import", "Imports your own machine, in the schema of those that ship.",
      "accelerator import machine.yaml\naccelerator import machine.yaml --validate-only",
      [options](Session& session) { return Import(session, *options); });
  import->add_option("file", options->file, "The accelerator's spec (YAML, JSON, text proto)")
      ->required();
  import->add_flag("--validate-only", options->validate_only, "Checks the file and keeps nothing");
}

}  // namespace bitscape::cli
