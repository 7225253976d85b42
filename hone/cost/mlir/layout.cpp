#include "hone/cost/mlir/layout.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "hone/cost/few.h"

namespace hone::cost::mlir {
namespace {

constexpr int kDeepestType = 32;
constexpr double kPointerBytes = 8.0;

struct Room {
  double bytes = 0.0, alignment = 1.0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

double rounded_up(double bytes, double alignment) { return std::ceil(bytes / alignment) * alignment; }

/// `name<inside>`; inside a type of the llvm dialect others of it stand without its name.
struct Parts {
  std::string_view name, inside;
};
Parts parts_of(std::string_view type) {
  type = trimmed(type);
  if (type.starts_with("!llvm.")) type.remove_prefix(6);
  const std::size_t open = type.find('<');
  if (open == std::string_view::npos || !type.ends_with('>')) return {type, {}};
  return {type.substr(0, open), type.substr(open + 1, type.size() - open - 2)};
}

/// `4x2xf32` or `4 x f32`: the first size, and what there is that many times.
struct Repeated {
  double times = 0.0;
  std::string_view element;
};
std::optional<Repeated> repeated(std::string_view inside) {
  inside = trimmed(inside);
  std::int64_t times = 0;
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), times);
  if (error != std::errc() || times < 0) return std::nullopt;
  std::string_view rest = trimmed(inside.substr(static_cast<std::size_t>(end - inside.data())));
  if (!rest.starts_with('x')) return std::nullopt;
  return Repeated{static_cast<double>(times), trimmed(rest.substr(1))};
}

/// `"name", packed (i32, f32)`, of which but the list must be there.
struct Record {
  bool packed = false;
  Few<std::string_view, 8> members;
};
std::optional<Record> record(std::string_view inside) {
  const std::size_t open = inside.find('('), close = inside.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  Record made;
  made.packed = inside.substr(0, open).find("packed") != std::string_view::npos;
  const std::string_view list = inside.substr(open + 1, close - open - 1);
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && (list[i] == '<' || list[i] == '(')) ++depth;
    if (i < list.size() && (list[i] == '>' || list[i] == ')')) --depth;
    if (i < list.size() && (depth > 0 || list[i] != ',')) continue;
    if (const std::string_view one = trimmed(list.substr(begin, i - begin)); !one.empty())
      made.members.push_back(one);
    begin = i + 1;
  }
  return made;
}

bool is_vector(std::string_view name) { return name == "vector" || name == "vec"; }

/// `i32`, `f16`, `bf16`, `index`, ...
std::optional<double> scalar_bits(std::string_view name) {
  if (name == "index") return 64.0;
  if (name == "bf16") return 16.0;
  if (!name.starts_with('i') && !name.starts_with('f')) return std::nullopt;
  int bits = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), bits);
  if (error != std::errc() || end != name.data() + name.size() || bits < 1 || bits > 1 << 24)
    return std::nullopt;
  return bits;
}

std::optional<Room> room_of(std::string_view type, int depth = 0) {
  if (depth > kDeepestType) return std::nullopt;
  const Parts parts = parts_of(type);
  if (parts.name == "ptr") return Room{kPointerBytes, kPointerBytes};
  if (parts.name == "array") {
    const auto list = repeated(parts.inside);
    const auto one = list ? room_of(list->element, depth + 1) : std::nullopt;
    if (!one) return std::nullopt;
    return Room{list->times * rounded_up(one->bytes, one->alignment), one->alignment};
  }
  if (is_vector(parts.name)) {
    // Elements of a vector lie without gaps; the whole is as long as a power of two.
    double bits = 1.0;
    std::string_view left = parts.inside;
    for (auto list = repeated(left); list; list = repeated(left)) bits *= list->times, left = list->element;
    const auto one = scalar_bits(left);
    if (!one) return std::nullopt;
    const double bytes = std::exp2(std::ceil(std::log2(std::max(1.0, std::ceil(bits * *one / 8.0)))));
    return Room{bytes, bytes};
  }
  if (parts.name == "struct") {
    const auto members = record(parts.inside);
    if (!members) return std::nullopt;
    Room made;
    for (const std::string_view member : members->members) {
      const auto one = room_of(member, depth + 1);
      if (!one) return std::nullopt;
      const double alignment = members->packed ? 1.0 : one->alignment;
      made.bytes = rounded_up(made.bytes, alignment) + one->bytes;
      made.alignment = std::max(made.alignment, alignment);
    }
    made.bytes = rounded_up(made.bytes, made.alignment);
    return made;
  }
  const auto bits = scalar_bits(parts.name);
  if (!bits) return std::nullopt;
  const double bytes = std::exp2(std::ceil(std::log2(std::max(1.0, std::ceil(*bits / 8.0)))));
  return Room{bytes, std::min(16.0, bytes)};
}

}  // namespace

std::optional<double> spacing_of(std::string_view type) {
  const auto room = room_of(type);
  if (!room) return std::nullopt;
  return rounded_up(room->bytes, room->alignment);
}

std::optional<Member> member_of(std::string_view type, std::int64_t number) {
  const Parts parts = parts_of(type);
  if (parts.name == "array" || is_vector(parts.name)) {
    const auto list = repeated(parts.inside);
    const auto one = list ? spacing_of(list->element) : std::nullopt;
    if (!one) return std::nullopt;
    return Member{list->element, static_cast<double>(number) * *one};
  }
  const auto members = parts.name == "struct" ? record(parts.inside) : std::nullopt;
  if (!members || number < 0 || static_cast<std::size_t>(number) >= members->members.size())
    return std::nullopt;
  double bytes = 0.0;
  for (std::int64_t i = 0;; ++i) {
    const std::string_view member = members->members[static_cast<std::size_t>(i)];
    const auto one = room_of(member);
    if (!one) return std::nullopt;
    if (!members->packed) bytes = rounded_up(bytes, one->alignment);
    if (i == number) return Member{member, bytes};
    bytes += one->bytes;
  }
}

}  // namespace hone::cost::mlir
