#include "hone/train/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/key.h"

// docs/formats.md, "Checkpoint", is the format.
static_assert(std::endian::native == std::endian::little, "tensors are stored in little-endian memory order");

namespace hone::train {
namespace {

constexpr std::string_view kMagic = "HONECKPT";
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kPrefixBytes = 64;
constexpr std::size_t kChecksumBytes = 16;

struct NamedType {
  const char* name;
  torch::ScalarType type;
};
constexpr NamedType kTypes[] = {{"float32", torch::kFloat32}, {"float64", torch::kFloat64},
                                {"float16", torch::kFloat16}, {"bfloat16", torch::kBFloat16},
                                {"int64", torch::kInt64},     {"int32", torch::kInt32},
                                {"int16", torch::kInt16},     {"int8", torch::kInt8},
                                {"uint8", torch::kUInt8},     {"bool", torch::kBool}};

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void put_u64(std::string& out, std::size_t at, std::uint64_t value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

std::uint64_t get_u64(std::string_view in, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, in.data() + at, sizeof value);
  return value;
}

void put_key(std::string& out, std::size_t at, Key key) {
  put_u64(out, at, key.low);
  put_u64(out, at + 8, key.high);
}

Key get_key(std::string_view in, std::size_t at) { return {get_u64(in, at + 8), get_u64(in, at)}; }

Error damaged(const std::string& path, const std::string& what) {
  return Error(what, Place{path, 0, ""},
               "the checkpoint is damaged: take an earlier one, or delete it and train again");
}

/// What the first 64 bytes say, checked against the file's size.
struct Prefix {
  std::size_t json_bytes = 0;
  Key json_hash;
};

Prefix read_prefix(const std::string& path, std::string_view bytes, std::uint64_t file_bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, std::min(bytes.size(), kMagic.size())))
    throw Error("is no checkpoint of hone", Place{path, 0, ""}, "name a file that hone train has written");
  if (bytes.size() < kPrefixBytes) throw damaged(path, fmt::format("ends after {} bytes", bytes.size()));
  const std::uint64_t version = get_u64(bytes, 8);
  if (version > Checkpoint::kVersion)
    throw Error(
        fmt::format("is a checkpoint of version {}, this hone reads up to {}", version, Checkpoint::kVersion),
        Place{path, 0, ""}, "read it with a newer hone");
  if (version == 0) throw damaged(path, "has no version");
  const std::uint64_t json_bytes = get_u64(bytes, 16);
  const std::uint64_t whole = get_u64(bytes, 24);
  if (whole != file_bytes) throw damaged(path, fmt::format("has {} bytes of {}", file_bytes, whole));
  if (file_bytes < kPrefixBytes + kChecksumBytes || json_bytes > file_bytes - kPrefixBytes - kChecksumBytes)
    throw damaged(path, "has a header longer than the file");
  return {static_cast<std::size_t>(json_bytes), get_key(bytes, 32)};
}

Json parse_header(const std::string& path, std::string_view text, const Prefix& prefix) {
  if (hash_key(text) != prefix.json_hash)
    throw damaged(path, "has a header that does not match its checksum");
  Json json = parse_json(std::string(text), path);
  if (!json.is_object() || !json.contains("header") || !json.contains("tensors") ||
      !json["tensors"].is_array())
    throw damaged(path, "has a header without a table of tensors");
  return json;
}

const Json& member(const std::string& path, const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name))
    throw damaged(path, fmt::format("has a table of tensors without '{}'", name));
  return object[name];
}

/// A count in the table: an integer from 0 to 2^56.
std::int64_t count(const std::string& path, const Json& value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 56;
  const bool fits =
      value.is_number_unsigned()
          ? value.get<std::uint64_t>() <= std::uint64_t{kMost}
          : value.is_number_integer() && value.get<std::int64_t>() >= 0 && value.get<std::int64_t>() <= kMost;
  if (!fits) throw damaged(path, "has a table of tensors with an impossible number");
  return value.get<std::int64_t>();
}

std::string string_member(const std::string& path, const Json& object, const char* name) {
  const Json& value = member(path, object, name);
  if (!value.is_string())
    throw damaged(path, fmt::format("has a table of tensors whose '{}' is no text", name));
  return value.get<std::string>();
}

torch::ScalarType named_type(const std::string& path, const std::string& name) {
  for (const NamedType& entry : kTypes)
    if (name == entry.name) return entry.type;
  throw damaged(path, fmt::format("holds a tensor of unknown type '{}'", name));
}

const char* type_name(torch::ScalarType type) {
  for (const NamedType& entry : kTypes)
    if (type == entry.type) return entry.name;
  throw internal_error(fmt::format("checkpoints hold no tensors of type {}", c10::toString(type)));
}

/// The rows of a tensor as the table has them: a scalar is one row.
std::int64_t row_count(at::IntArrayRef shape) { return shape.empty() ? 1 : shape[0]; }

/// Reads one tensor of the table. `data`: all bytes of the file before its checksum. `from`: where the
/// previous tensor's bytes end; segments stand in the table's order, so none is read twice and what is
/// allocated never exceeds the file.
torch::Tensor read_tensor(const std::string& path, std::string_view data, const Json& entry,
                          std::uint64_t& from) {
  const torch::ScalarType type = named_type(path, string_member(path, entry, "dtype"));
  const Json& dimensions = member(path, entry, "shape");
  if (!dimensions.is_array() || dimensions.size() > 64) throw damaged(path, "holds a tensor without a shape");
  std::vector<std::int64_t> shape;
  double spanned = static_cast<double>(c10::elementSize(type));
  for (const Json& dimension : dimensions) {
    shape.push_back(count(path, dimension));
    spanned *= static_cast<double>(std::max<std::int64_t>(shape.back(), 1));
  }
  if (spanned > 0x1p56) throw damaged(path, "holds a tensor of an impossible shape");
  auto row_bytes = static_cast<std::uint64_t>(c10::elementSize(type));
  for (std::size_t i = 1; i < shape.size(); ++i) row_bytes *= static_cast<std::uint64_t>(shape[i]);

  const Json& table = member(path, entry, "segments");
  if (!table.is_array()) throw damaged(path, "holds a tensor without segments");
  std::vector<std::string_view> parts;
  std::int64_t rows = 0;
  for (const Json& segment : table) {
    const std::int64_t part_rows = count(path, member(path, segment, "rows"));
    const auto offset = static_cast<std::uint64_t>(count(path, member(path, segment, "offset")));
    const auto bytes = static_cast<std::uint64_t>(count(path, member(path, segment, "bytes")));
    if (part_rows > row_count(shape) - rows || static_cast<std::uint64_t>(part_rows) * row_bytes != bytes)
      throw damaged(path, "holds a tensor whose segments do not add up to its shape");
    if (offset % kAlignment != 0 || offset < from || offset > data.size() || bytes > data.size() - offset)
      throw damaged(path, "holds a tensor whose data lies outside the file or overlaps another's");
    from = offset + bytes;
    rows += part_rows;
    parts.push_back(data.substr(offset, bytes));
  }
  if (rows != row_count(shape))
    throw damaged(path, "holds a tensor whose segments do not add up to its shape");
  torch::Tensor tensor = torch::empty(shape, torch::TensorOptions().dtype(type));
  auto* out = static_cast<char*>(tensor.data_ptr());
  for (std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(out, part.data(), part.size());
    out += part.size();
  }
  return tensor;
}

}  // namespace

void Checkpoint::save(const std::string& path) const {
  struct Piece {
    torch::Tensor tensor;  // contiguous, on the CPU
    std::size_t offset = 0;
  };
  // Offsets count from the start of the data here: where it starts follows from the length of the table.
  std::vector<Piece> pieces;
  std::set<std::string> seen;
  Json table = Json::array();
  std::size_t data_bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined() || !seen.insert(name).second)
      throw internal_error(fmt::format("tensor '{}' of a checkpoint is undefined or named twice", name));
    const torch::Tensor whole = tensor.detach().to(torch::kCPU).contiguous();
    const std::int64_t rows = row_count(whole.sizes());
    const auto found = segments.find(name);
    const std::vector<std::int64_t> parts =
        found == segments.end() ? std::vector<std::int64_t>{rows} : found->second;
    Json listed = Json::array();
    std::int64_t first = 0;
    for (const std::int64_t part : parts) {
      if (part < 0 || part > rows - first)
        throw internal_error(fmt::format("segments of tensor '{}' do not add up to its {} rows", name, rows));
      const torch::Tensor piece = whole.dim() == 0 ? whole : whole.narrow(0, first, part);
      listed.push_back({{"rows", part}, {"offset", data_bytes}, {"bytes", piece.nbytes()}});
      pieces.push_back({piece, data_bytes});
      data_bytes = aligned(data_bytes + piece.nbytes());
      first += part;
    }
    if (first != rows)
      throw internal_error(fmt::format("segments of tensor '{}' do not add up to its {} rows", name, rows));
    table.push_back({{"name", name},
                     {"dtype", type_name(whole.scalar_type())},
                     {"shape", whole.sizes().vec()},
                     {"segments", listed}});
  }

  std::string text;
  try {
    text = Json({{"header", header}, {"tensors", table}}).dump();
  } catch (const Json::exception& error) {
    throw internal_error(fmt::format("the header of a checkpoint is no JSON: {}", error.what()));
  }
  const std::size_t data_start = aligned(kPrefixBytes + text.size());
  std::string content;
  content.reserve(data_start + data_bytes + kChecksumBytes);
  content.append(kMagic);
  content.resize(kPrefixBytes);
  put_u64(content, 8, kVersion);
  put_u64(content, 16, text.size());
  put_u64(content, 24, data_start + data_bytes + kChecksumBytes);
  put_key(content, 32, hash_key(text));
  content.append(text);
  content.resize(data_start);
  for (const Piece& piece : pieces) {
    content.resize(data_start + piece.offset);
    content.append(static_cast<const char*>(piece.tensor.data_ptr()), piece.tensor.nbytes());
  }
  content.resize(data_start + data_bytes);
  const Key checksum = hash_key(content);
  content.resize(content.size() + kChecksumBytes);
  put_key(content, content.size() - kChecksumBytes, checksum);
  write_file_atomic(path, content);
}

Checkpoint Checkpoint::load(const std::string& path) {
  const std::string content = read_file(path);
  const Prefix prefix = read_prefix(path, content, content.size());
  const std::string_view guarded = std::string_view(content).substr(0, content.size() - kChecksumBytes);
  if (hash_key(guarded) != get_key(content, guarded.size()))
    throw damaged(path, "does not match its checksum");
  const Json json = parse_header(path, guarded.substr(kPrefixBytes, prefix.json_bytes), prefix);
  const std::size_t data_start = std::min(aligned(kPrefixBytes + prefix.json_bytes), guarded.size());

  Checkpoint result;
  result.header = json["header"];
  std::set<std::string> seen;
  std::uint64_t from = 0;
  for (const Json& entry : json["tensors"]) {
    const std::string name = string_member(path, entry, "name");
    if (!seen.insert(name).second) throw damaged(path, fmt::format("holds tensor '{}' twice", name));
    result.tensors.emplace_back(name, read_tensor(path, guarded.substr(data_start), entry, from));
    const Json& parts = entry["segments"];
    if (parts.size() == 1) continue;
    for (const Json& part : parts) result.segments[name].push_back(part["rows"].get<std::int64_t>());
  }
  return result;
}

Json Checkpoint::load_header(const std::string& path) {
  std::error_code failure;
  const std::uint64_t bytes = std::filesystem::file_size(path, failure);
  std::ifstream stream(path, std::ios::binary);
  if (failure || !stream) throw Error("cannot be read", Place{path, 0, ""}, "name a checkpoint that exists");
  const auto take = [&](std::size_t n) {
    std::string text(n, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(n));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text;
  };
  const Prefix prefix = read_prefix(path, take(kPrefixBytes), bytes);
  return parse_header(path, take(prefix.json_bytes), prefix)["header"];
}

const torch::Tensor& Checkpoint::tensor(const std::string& name) const {
  for (const auto& [known, value] : tensors)
    if (known == name) return value;
  std::vector<std::string> names;
  for (const auto& entry : tensors) names.push_back(entry.first);
  const std::string near = nearest(name, names);
  throw Error(fmt::format("the checkpoint holds no tensor '{}'", name), {},
              near.empty() ? fmt::format("it holds {} others", names.size())
                           : fmt::format("did you mean '{}'?", near));
}

}  // namespace hone::train
