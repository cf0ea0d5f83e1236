#include "engine/core/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "engine/core/status.h"

namespace bitscape {

struct Digest::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }

  void Update(const void* bytes, size_t size) {
    BITSCAPE_CHECK(EVP_DigestUpdate(evp, bytes, size) == 1, "SHA-256 update");
  }
  void UpdateLength(uint64_t length) {
    std::array<unsigned char, 8> little_endian;
    for (size_t i = 0; i < little_endian.size(); ++i) {
      little_endian[i] = static_cast<unsigned char>(length >> (8 * i));
    }
    Update(little_endian.data(), little_endian.size());
  }
};

Digest::Digest() : context_(std::make_unique<Context>()) {
  BITSCAPE_CHECK(context_->evp != nullptr, "out of memory");
  BITSCAPE_CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1, "SHA-256 start");
}

Digest::~Digest() = default;

Digest& Digest::Add(std::string_view bytes) {
  context_->UpdateLength(bytes.size());
  context_->Update(bytes.data(), bytes.size());
  return *this;
}

Digest& Digest::Add(int64_t value) {
  context_->UpdateLength(sizeof(value));
  context_->UpdateLength(static_cast<uint64_t>(value));
  return *this;
}

Digest& Digest::Add(double value) {
  uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&bits, &value, sizeof(bits));
  return Add(static_cast<int64_t>(bits));
}

Digest& Digest::Add(std::span<const float> values) {
  // float32 bytes as they lie in memory: the platform is little-endian (amd64).
  context_->UpdateLength(values.size_bytes());
  context_->Update(values.data(), values.size_bytes());
  return *this;
}

std::string Digest::Hex() {
  std::array<unsigned char, 32> bytes;
  unsigned int size = 0;
  BITSCAPE_CHECK(EVP_DigestFinal_ex(context_->evp, bytes.data(), &size) == 1, "Hex() called twice");
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (unsigned char byte : bytes) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

}  // namespace bitscape
