// bitscape accelerator ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/accelerator_service.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/spec/reader.h"

namespace bitscape::cli {
namespace {

constexpr int64_t kMaxSpecBytes = 4 << 20;

std::string DatapathsOf(const v1::AcceleratorSpec& spec) {
  if (spec.datapaths().empty()) return "as wide as each plan needs";
  std::vector<std::string> datapaths;
  for (const auto& datapath : spec.datapaths()) {
    datapaths.push_back(fmt::format("{} x {} + {}", datapath.weights(), datapath.activations(),
                                    datapath.accumulator()));
  }
  return fmt::format("{}", fmt::join(datapaths, "; "));
}

View ViewOf(const v1::Accelerator& accelerator) {
  const v1::AcceleratorSpec& spec = accelerator.spec();
  View view;
  view.facts = {{"accelerator", accelerator.name()},
                {"description", spec.description()},
                {"sources", fmt::format("{}", fmt::join(spec.sources(), "; "))},
                {"digest", accelerator.digest()},
                {"technology", spec.technology()},
                {"MAC family", spec.mac_family()},
                {"array", fmt::format("{}x{}", spec.array_rows(), spec.array_columns())},
                {"clock", fmt::format("{} GHz", Number(spec.clock_ghz()))},
                {"dataflow", v1::AcceleratorSpec::Dataflow_Name(spec.dataflow())},
                {"datapaths", DatapathsOf(spec)}};
  view.table.columns = {{"MEMORY"},
                        {"KIND"},
                        {"CAPACITY", Align::kRight},
                        {"WIDTH", Align::kRight},
                        {"BITS A CYCLE", Align::kRight},
                        {"PRIMITIVE"},
                        {"HOLDS"}};
  for (const auto& memory : spec.memories()) {
    std::vector<std::string> holds;
    for (const int operand : memory.holds()) {
      holds.push_back(v1::AcceleratorSpec::Memory::Operand_Name(
          static_cast<v1::AcceleratorSpec::Memory::Operand>(operand)));
    }
    view.table.rows.push_back(
        {memory.name(), v1::AcceleratorSpec::Memory::Kind_Name(memory.kind()),
         memory.capacity_bytes() > 0
             ? Bytes(memory.capacity_bytes()) + (memory.per_pe() ? " a PE" : "")
             : "unbounded",
         fmt::format("{} bits", memory.width_bits()),
         memory.bandwidth_bits_per_cycle() > 0 ? Number(memory.bandwidth_bits_per_cycle())
                                               : "no limit",
         memory.primitive(), fmt::format("{}", fmt::join(holds, " "))});
  }
  return view;
}

struct ImportOptions {
  std::string file;
  bool validate_only = false;
};

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
  if (!accelerator.ok()) return accelerator.status();
  return Print(session.globals, *accelerator, ViewOf(*accelerator));
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
        View view;
        view.table.columns = {{"ACCELERATOR"}, {"TECHNOLOGY"},           {"MACS"},
                              {"ARRAY"},       {"CLOCK", Align::kRight}, {"DESCRIPTION"}};
        for (const v1::Accelerator& accelerator : accelerators->accelerators()) {
          const v1::AcceleratorSpec& spec = accelerator.spec();
          view.table.rows.push_back(
              {LastPart(accelerator.name()), spec.technology(), spec.mac_family(),
               fmt::format("{}x{}", spec.array_rows(), spec.array_columns()),
               fmt::format("{} GHz", Number(spec.clock_ghz())), spec.description()});
        }
        return Print(session.globals, *accelerators, view, "accelerators");
      });
  AddLimit(list, *limit);
}

}  // namespace

void AddAcceleratorCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("accelerator", "Machines that plans are priced on");
  AddList(line, noun);

  const auto name = std::make_shared<std::string>();
  CLI::App* show = line.AddVerb(
      noun, "show", "Shows one accelerator; -o yaml prints the spec alone, which import takes.",
      "accelerator show eyeriss_like\naccelerator show eyeriss_like -o yaml > machine.yaml",
      [name](Session& session) {
        auto stub = session.Stub<v1::AcceleratorService>();
        if (!stub.ok()) return stub.status();
        v1::GetAcceleratorRequest request;
        request.set_name(Qualified("accelerators", *name));
        const auto accelerator =
            session.Invoke(&v1::AcceleratorService::Stub::GetAccelerator, **stub, request);
        if (!accelerator.ok()) return accelerator.status();
        // As YAML it is a file to start one's own machine from.
        if (session.globals.output == "yaml") {
          return WriteStdout(ToYaml(accelerator->spec()));
        }
        return Print(session.globals, *accelerator, ViewOf(*accelerator));
      });
  show->add_option("accelerator", *name, "The accelerator's name")->required();

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
