#include <string>
#include <vector>

#include "engine/network/onnx_node.h"

namespace bitscape::network {
namespace {

constexpr size_t kMaxNameBytes = 200;

// Bytes of the UTF-8 character that starts `text`, or 0 where there is no valid one.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and beyond U+10FFFF.
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

std::vector<std::string_view> SplitAtSlashes(std::string_view path) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Operators whose module carries the weights, and so the name: "/conv1/Conv" is "conv1".
bool NamedByModule(std::string_view op_type) {
  return op_type == "Conv" || op_type == "Gemm" || op_type == "MatMul" ||
         op_type == "BatchNormalization";
}

}  // namespace

std::string PrintableName(std::string_view name) {
  std::string printable;
  while (!name.empty()) {
    const size_t length = CharacterLength(name);
    const auto first = static_cast<unsigned char>(name[0]);
    if (printable.size() + length > kMaxNameBytes) break;
    if (length == 0 || first < 0x20 || first == 0x7f) {
      printable += '?';
      name.remove_prefix(1);
    } else {
      printable += name.substr(0, length);
      name.remove_prefix(length);
    }
    if (printable.size() >= kMaxNameBytes) break;
  }
  return printable;
}

std::string ReadableNodeName(std::string_view onnx_name, std::string_view op_type) {
  if (!onnx_name.starts_with('/')) return PrintableName(onnx_name);
  std::vector<std::string_view> parts = SplitAtSlashes(onnx_name);
  if (parts.size() > 1 && parts.back() == op_type && NamedByModule(op_type)) parts.pop_back();
  std::string name;
  for (size_t i = 0; i < parts.size(); ++i) {
    // PyTorch repeats a container's name in its children: "stem/stem.0" says "stem.0".
    const bool repeated = i + 1 < parts.size() && parts[i + 1].size() > parts[i].size() &&
                          parts[i + 1].starts_with(parts[i]) &&
                          parts[i + 1][parts[i].size()] == '.';
    if (repeated) continue;
    if (!name.empty()) name += '.';
    name += parts[i];
  }
  return PrintableName(name);
}

}  // namespace bitscape::network
