// SHA-256 content digests: the identity of networks, datasets, plans and trials.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace bitscape {

// Accumulates fields into a SHA-256. Every field is preceded by its length, so that
// ("ab", "c") and ("a", "bc") differ. Not thread-safe.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  Digest& Add(std::string_view bytes);
  Digest& Add(int64_t value);
  Digest& Add(double value);  // by its bits; -0 and +0 differ
  Digest& Add(std::span<const float> values);

  // Lower-case hexadecimal, 64 characters. The digest can't be added to afterwards.
  std::string Hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace bitscape
