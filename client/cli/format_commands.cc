// bitscape format ...
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "bitscape/v1/format.grpc.pb.h"
#include "client/cli/command_line.h"
#include "client/cli/files.h"
#include "client/cli/numbers.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cli/transfer.h"

namespace bitscape::cli {
namespace {

// The server's own limit, so that a larger file is refused before it travels.
constexpr int64_t kMaxValues = int64_t{1} << 26;

View ViewOf(const v1::Format& format) {
  View view;
  const bool at_scale_1 = !format.scale().empty() && !format.scale().starts_with("2^");
  view.facts = {{"format", format.name()},
                {"summary", format.summary()},
                {"source", format.source()},
                {"bits of a code", std::to_string(format.bits())},
                {"bits of a value", fmt::format("{} (with the scales of 1,024 values)",
                                                Number(format.bits_per_value()))},
                {"range", fmt::format("{} .. {}{}", Number(format.smallest()),
                                      Number(format.largest()), at_scale_1 ? " at scale 1" : "")},
                {"smallest positive", Number(format.smallest_positive())},
                {"scale", format.scale().empty() ? "none" : format.scale()},
                {"zero point", format.zero_point() ? "yes" : "no"}};
  if (format.codes().empty()) return view;
  view.table.columns = {{"CODE", Align::kRight}, {"BITS"}, {"VALUE", Align::kRight}};
  for (const v1::Format::Code& code : format.codes()) {
    view.table.rows.push_back({std::to_string(code.code()), code.bits(),
                               code.value() + (code.unused() ? " (unused)" : "")});
  }
  return view;
}

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

absl::Status Round(Session& session, const RoundOptions& options) {
  const auto shape = ParseShape(options.shape);
  if (!shape.ok()) return shape.status();
  int64_t bytes = sizeof(float);
  for (const int64_t size : *shape) bytes *= size;
  const auto values = ReadInput(options.input, kMaxValues * int64_t{sizeof(float)});
  if (!values.ok()) return values.status();
  if (static_cast<int64_t>(values->size()) != bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} bytes, but shape {} takes {} (little-endian float32, 4 bytes a value)",
                    options.input, values->size(), options.shape, bytes));
  }
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

}  // namespace

void AddFormatCommands(CommandLine& line) {
  CLI::App* noun = line.AddNoun("format", "Number formats and their notation");
  const auto limit = std::make_shared<int>(0);
  CLI::App* list = line.AddVerb(
      noun, "list", "Lists the named formats.", "format list\nformat list -o csv",
      [limit](Session& session) {
        auto stub = session.Stub<v1::FormatService>();
        if (!stub.ok()) return stub.status();
        const auto formats = session.InvokeForAll(&v1::FormatService::Stub::ListFormats, **stub,
                                                  v1::ListFormatsRequest(), *limit,
                                                  &v1::ListFormatsResponse::formats_size);
        if (!formats.ok()) return formats.status();
        View view;
        view.table.columns = {{"FORMAT"},
                              {"BITS", Align::kRight},
                              {"LARGEST", Align::kRight},
                              {"SMALLEST POSITIVE", Align::kRight},
                              {"SCALE"},
                              {"SUMMARY"}};
        for (const v1::Format& format : formats->formats()) {
          view.table.rows.push_back({format.name(), std::to_string(format.bits()),
                                     Number(format.largest()), Number(format.smallest_positive()),
                                     format.scale(), format.summary()});
        }
        view.note = "Any eXmY, intN, uintN, fixedN.F and dfxN is a format, too.";
        return Print(session.globals, *formats, view, "formats");
      });
  list->add_option("--limit", *limit, "At most so many (0: all)")->check(Count32());

  const auto name = std::make_shared<std::string>();
  CLI::App* show = line.AddVerb(
      noun, "show", "Shows what a format is, and its decode table up to 256 codes.",
      "format show fp8_e4m3\nformat show int4:channel\nformat show e3m2 -o json",
      [name](Session& session) {
        auto stub = session.Stub<v1::FormatService>();
        if (!stub.ok()) return stub.status();
        v1::GetFormatRequest request;
        request.set_name(*name);
        const auto format = session.Invoke(&v1::FormatService::Stub::GetFormat, **stub, request);
        if (!format.ok()) return format.status();
        return Print(session.globals, *format, ViewOf(*format), "codes");
      });
  show->add_option("format", *name, "Any notation")->required();
  AddRound(line, noun);
}

}  // namespace bitscape::cli
