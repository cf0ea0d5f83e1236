// bitscape format ...
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/format.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/format_page.h"
#include "client/cli/format_tables.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/transfer.h"

namespace bitscape::cli {
namespace {

// The server's own limit, so that a larger file is refused before it travels.
constexpr int64_t kMaxValues = int64_t{1} << 26;

// "64x3x3x3" -> 64 3 3 3.
absl::StatusOr<std::vector<int64_t>> ParseShape(const std::string& text) {
  std::vector<int64_t> shape;
  int64_t values = 1;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || (next != end && *next != 'x')) {
      return absl::InvalidArgumentError(
          fmt::format("--shape {}: is not positive sizes with x between them, as 64x3x3x3", text));
    }
    if (size > kMaxValues / values) {
      return absl::InvalidArgumentError(
          fmt::format("--shape {}: more than {} values, the limit", text, kMaxValues));
    }
    values *= size;
    shape.push_back(size);
    if (next == end) return shape;
    at = next + 1;
  }
}

struct RoundOptions {
  std::string format, shape, input, output;
};

// The values of `file`, which must be as many as the shape tells.
absl::StatusOr<std::string> ReadTensor(const std::string& file, const std::vector<int64_t>& shape) {
  int64_t bytes = sizeof(float);
  for (const int64_t size : shape) bytes *= size;
  absl::StatusOr<std::string> values = ReadInput(file, kMaxValues * int64_t{sizeof(float)});
  if (values.ok() && static_cast<int64_t>(values->size()) != bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} bytes, but shape {} takes {} (little-endian float32, 4 bytes a value)",
                    file, values->size(), fmt::join(shape, "x"), bytes));
  }
  return values;
}

absl::Status Round(Session& session, const RoundOptions& options) {
  const auto shape = ParseShape(options.shape);
  if (!shape.ok()) return shape.status();
  const auto values = ReadTensor(options.input, *shape);
  if (!values.ok()) return values.status();
  auto stub = session.Stub<v1::FormatService>();
  if (!stub.ok()) return stub.status();
  Call call;
  const auto stream = (*stub)->RoundTensor(call.context());
  v1::RoundTensorRequest first;
  first.mutable_header()->set_format(options.format);
  first.mutable_header()->mutable_shape()->Assign(shape->begin(), shape->end());
  if (stream->Write(first)) {
    // The server answers after the last chunk: it finds the scales from all of them.
    ForEachChunk(*values, [&](std::string_view chunk) {
      v1::RoundTensorRequest request;
      request.set_chunk(std::string(chunk));
      return stream->Write(request);
    });
  }
  stream->WritesDone();
  std::string rounded;
  v1::RoundTensorResponse response;
  while (stream->Read(&response)) rounded += response.chunk();
  const absl::Status status = session.Check(stream->Finish());
  if (!status.ok()) return status;
  if (rounded.size() != values->size()) {
    return absl::InternalError(
        fmt::format("the server returned {} bytes for {}", rounded.size(), values->size()));
  }
  return WriteOutput(options.output, rounded);
}

void AddRound(CommandLine& line, CLI::App* noun) {
  const auto options = std::make_shared<RoundOptions>();
  CLI::App* verb = line.AddVerb(
      noun, "round",
      "Rounds raw little-endian float32 values. Scales are found from the data; channels run along "
      "the first axis, blocks along the last.",
      "format round int8:channel --shape 64x27 --input weights.f32 --output rounded.f32\n"
      "format round fp8_e4m3 --shape 1000 --input values.f32 --output rounded.f32",
      [options](Session& session) { return Round(session, *options); }, "-o");
  verb->add_option("format", options->format, "Any notation, as int4:channel")->required();
  verb->add_option("--shape", options->shape, "Sizes, the outermost first: 64x3x3x3")->required();
  verb->add_option("--input", options->input, "File to read")->required();
  verb->add_option("--output", options->output, "File to write")->required();
}

struct CompareOptions {
  std::vector<std::string> formats;
  std::string tensor, shape, network, dataset;
  int images = 0;
};

absl::Status Compare(Session& session, const CompareOptions& options) {
  if (options.tensor.empty() == options.network.empty()) {
    return absl::InvalidArgumentError(
        "what to round is missing: --tensor FILE --shape SIZES, or --network NAME");
  }
  v1::CompareFormatsRequest first;
  auto& header = *first.mutable_header();
  header.mutable_formats()->Assign(options.formats.begin(), options.formats.end());
  std::string values;
  if (!options.tensor.empty()) {
    const auto shape = ParseShape(options.shape);
    if (!shape.ok()) return shape.status();
    auto read = ReadTensor(options.tensor, *shape);
    if (!read.ok()) return read.status();
    values = *std::move(read);
    header.mutable_shape()->Assign(shape->begin(), shape->end());
  } else {
    header.set_network(Qualified("networks", options.network));
    header.set_dataset(Qualified("datasets", options.dataset));
    header.set_images(options.images);
  }
  auto stub = session.Stub<v1::FormatService>();
  if (!stub.ok()) return stub.status();
  Call call;
  v1::FormatComparison comparison;
  const auto writer = (*stub)->CompareFormats(call.context(), &comparison);
  // A failed write means that the server has ended the call: Finish says why.
  if (writer->Write(first)) {
    ForEachChunk(values, [&](std::string_view chunk) {
      v1::CompareFormatsRequest request;
      request.set_chunk(std::string(chunk));
      return writer->Write(request);
    });
  }
  writer->WritesDone();
  const absl::Status status = session.Check(writer->Finish());
  if (!status.ok()) return status;
  return Print(session.globals, comparison, ViewOf(comparison), "rows");
}

void AddCompare(CommandLine& line, CLI::App* noun) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* verb = line.AddVerb(
      noun, "compare",
      "Compares how formats round a tensor, or a network's weights and activations: signal to "
      "quantization noise, largest error, shares of saturated and underflowed values.",
      "format compare int8 fp8_e4m3 mxfp8_e4m3 --tensor weights.f32 --shape 64x3x3x3\n"
      "format compare int4:channel int4:channel:mse mxfp4_e2m1 --network dscnn\n"
      "format compare int8 uint8:p99.9 --network resnet8 --dataset fashion-mnist -o csv",
      [options](Session& session) { return Compare(session, *options); });
  verb->add_option("formats", options->formats, "Notations, 1 to 64")->required();
  CLI::Option* tensor =
      verb->add_option("--tensor", options->tensor, "File of raw little-endian float32 values");
  CLI::Option* shape = verb->add_option("--shape", options->shape, "Its sizes: 64x3x3x3");
  CLI::Option* network =
      verb->add_option("--network", options->network, "Instead of a file: this network's weights");
  CLI::Option* dataset = verb->add_option(
      "--dataset", options->dataset, "And the activations that its layers take from this dataset");
  CLI::Option* images =
      AddCount(verb, "--images", options->images,
               "Calibration images that give activations (0: the server's default)");
  tensor->needs(shape)->excludes(network);
  shape->needs(tensor);
  dataset->needs(network);
  images->needs(dataset);
}

}  // namespace

void AddFormatCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("format", "Number formats and their notation");
  struct ListOptions {
    int limit = 0;
    bool sources = false;
  };
  const auto listing = std::make_shared<ListOptions>();
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists the named formats. json, yaml and csv hold everything.",
      "format list\nformat list --sources\nformat list -o csv", [listing](Session& session) {
        auto stub = session.Stub<v1::FormatService>();
        if (!stub.ok()) return stub.status();
        const auto formats = session.InvokeForAll(&v1::FormatService::Stub::ListFormats, **stub,
                                                  v1::ListFormatsRequest(), listing->limit,
                                                  &v1::ListFormatsResponse::formats_size);
        if (!formats.ok()) return formats.status();
        return Print(session.globals, *formats,
                     listing->sources ? SourcesOf(*formats) : FiguresOf(*formats), "formats");
      });
  AddLimit(list, listing->limit);
  list->add_flag("--sources", listing->sources, "A table of summaries and whole sources instead");

  struct ShowOptions {
    std::string name, html;
  };
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* show = line.AddVerb(
      noun, "show",
      "Shows what a format is: its bits, its levels on a line, its decode table up to 256 codes.",
      "format show fp8_e4m3\nformat show int4:channel\nformat show e3m2 -o json\n"
      "format show mxfp4_e2m1 --html mxfp4.html",
      [options](Session& session) {
        auto stub = session.Stub<v1::FormatService>();
        if (!stub.ok()) return stub.status();
        v1::GetFormatRequest request;
        request.set_name(options->name);
        const auto format = session.Invoke(&v1::FormatService::Stub::GetFormat, **stub, request);
        if (!format.ok()) return format.status();
        if (!options->html.empty()) return WriteOutput(options->html, RenderFormatPage(*format));
        return Print(session.globals, *format, ViewOf(*format), "codes");
      });
  show->add_option("format", options->name, "Any notation")->required();
  show->add_option("--html", options->html,
                   "Write a self-contained page instead: number line, boundaries, decode table");
  AddRound(line, noun);
  AddCompare(line, noun);
  AddAccuracyCommand(line, noun);
}

}  // namespace bitscape::cli
