#include "engine/data/idx.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "engine/core/files.h"
#include "engine/core/status.h"

namespace bitscape::data {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;  // the element type, third byte of the magic number

// Reads consecutive pieces of the unpacked content.
class Source {
 public:
  virtual ~Source() = default;
  // Fills all of `out` or says why it can't. Errors: kInvalidArgument ("ends after N bytes").
  virtual absl::Status Read(uint8_t* out, int64_t size) = 0;
  // Whether nothing follows. Errors: kInvalidArgument for a damaged end.
  virtual absl::StatusOr<bool> AtEnd() = 0;

 protected:
  absl::Status CutShort(int64_t missing) const {
    return absl::InvalidArgumentError(
        fmt::format("the content ends {} bytes before its stated sizes say", missing));
  }
};

class PlainSource : public Source {
 public:
  explicit PlainSource(std::string_view bytes) : rest_(bytes) {}
  absl::Status Read(uint8_t* out, int64_t size) override {
    const auto available = static_cast<int64_t>(rest_.size());
    if (size > available) return CutShort(size - available);
    std::copy_n(rest_.begin(), size, out);
    rest_.remove_prefix(static_cast<size_t>(size));
    return absl::OkStatus();
  }
  absl::StatusOr<bool> AtEnd() override { return rest_.empty(); }

 private:
  std::string_view rest_;
};

class GzipSource : public Source {
 public:
  explicit GzipSource(std::string_view bytes) : rest_(bytes) {
    // 16 + the largest window: a gzip header is expected, its checksum is verified.
    const int result = inflateInit2(&stream_, 16 + MAX_WBITS);
    BITSCAPE_CHECK(result == Z_OK, "zlib has no memory or another version");
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  absl::Status Read(uint8_t* out, int64_t size) override {
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t got, ReadUpTo(out, size));
    return got == size ? absl::OkStatus() : CutShort(size - got);
  }
  absl::StatusOr<bool> AtEnd() override {
    uint8_t one;
    BITSCAPE_ASSIGN_OR_RETURN(const int64_t got, ReadUpTo(&one, 1));
    return got == 0 && rest_.empty() && stream_.avail_in == 0;
  }

 private:
  absl::StatusOr<int64_t> ReadUpTo(uint8_t* out, int64_t size) {
    int64_t got = 0;
    while (got < size && !ended_) {
      if (stream_.avail_in == 0) Refill();
      const auto room =
          static_cast<uInt>(std::min<int64_t>(size - got, std::numeric_limits<uInt>::max()));
      stream_.next_out = out + got;
      stream_.avail_out = room;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      got += static_cast<int64_t>(room - stream_.avail_out);
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result == Z_BUF_ERROR && rest_.empty()) {
        return absl::InvalidArgumentError("the gzip file is cut short");
      } else if (result != Z_OK) {
        return absl::InvalidArgumentError(fmt::format(
            "damaged gzip file: {}",
            stream_.msg != nullptr ? stream_.msg : fmt::format("zlib error {}", result)));
      }
    }
    return got;
  }

  void Refill() {
    const size_t piece = std::min<size_t>(rest_.size(), std::numeric_limits<uInt>::max());
    // zlib's field isn't const; it doesn't write through it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest_.data()));
    stream_.avail_in = static_cast<uInt>(piece);
    rest_.remove_prefix(piece);
  }

  std::string_view rest_;
  z_stream stream_{};
  bool ended_ = false;
};

absl::StatusOr<IdxArray> ReadArray(Source& source, int64_t max_bytes) {
  uint8_t magic[4];
  BITSCAPE_RETURN_IF_ERROR(source.Read(magic, 4));
  const int rank = magic[3];
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != kUnsignedByte || rank < 1 || rank > 4) {
    return absl::InvalidArgumentError(
        fmt::format("bad magic number {:02x}{:02x}{:02x}{:02x}; 0000080D (unsigned bytes, D = 1 to "
                    "4 dimensions) is expected",
                    magic[0], magic[1], magic[2], magic[3]));
  }
  IdxArray array;
  int64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    uint8_t big_endian[4];
    BITSCAPE_RETURN_IF_ERROR(source.Read(big_endian, 4));
    const int64_t size = int64_t{big_endian[0]} << 24 | int64_t{big_endian[1]} << 16 |
                         int64_t{big_endian[2]} << 8 | int64_t{big_endian[3]};
    if (size == 0) return absl::InvalidArgumentError(fmt::format("dimension {} is 0", i));
    array.shape.push_back(size);
    if (size > max_bytes / count) {
      return absl::ResourceExhaustedError(
          fmt::format("{} elements and more, the limit is {} bytes unpacked",
                      fmt::join(array.shape, "x"), max_bytes));
    }
    count *= size;
  }
  // Grows with the data that is really there, so a header alone can't claim memory.
  constexpr int64_t kPiece = int64_t{1} << 24;
  for (int64_t done = 0; done < count;) {
    const int64_t piece = std::min(kPiece, count - done);
    array.values.resize(static_cast<size_t>(done + piece));
    BITSCAPE_RETURN_IF_ERROR(source.Read(array.values.data() + done, piece));
    done += piece;
  }
  BITSCAPE_ASSIGN_OR_RETURN(const bool at_end, source.AtEnd());
  if (!at_end) {
    return absl::InvalidArgumentError(fmt::format("bytes follow the {} elements that its sizes say",
                                                  fmt::join(array.shape, "x")));
  }
  return array;
}

}  // namespace

absl::StatusOr<IdxArray> ParseIdx(std::string_view bytes, std::string_view file,
                                  int64_t max_bytes) {
  std::unique_ptr<Source> source;
  if (bytes.starts_with("\x1f\x8b")) {
    source = std::make_unique<GzipSource>(bytes);
  } else {
    source = std::make_unique<PlainSource>(bytes);
  }
  absl::StatusOr<IdxArray> array = ReadArray(*source, max_bytes);
  if (!array.ok()) return Annotate(array.status(), std::string(file));
  return array;
}

absl::StatusOr<IdxArray> ReadIdx(const std::filesystem::path& path, int64_t max_bytes) {
  // 64: the largest header, and gzip's own on data that doesn't compress.
  BITSCAPE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, max_bytes + 64));
  return ParseIdx(bytes, path.string(), max_bytes);
}

}  // namespace bitscape::data
