#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "hone/base/value.h"

namespace hone::space {

/// A Value seen rather than owned: what expressions compute with and what a config is while it is drawn.
/// Trivially copyable; a text points into a choice, a literal or the caller's config, which must outlive it.
struct Operand {
  enum class Kind : std::uint8_t { inactive, flag, integer, real, text };

  Kind kind = Kind::inactive;
  union {
    bool flag;
    std::int64_t integer = 0;
    double real;
    const std::string* text;
  };

  static Operand of(bool value) {
    Operand operand;
    operand.kind = Kind::flag;
    operand.flag = value;
    return operand;
  }
  static Operand of(std::int64_t value) {
    Operand operand;
    operand.kind = Kind::integer;
    operand.integer = value;
    return operand;
  }
  static Operand of(double value) {
    Operand operand;
    operand.kind = Kind::real;
    operand.real = value;
    return operand;
  }
  static Operand of(const std::string* value) {
    Operand operand;
    operand.kind = Kind::text;
    operand.text = value;
    return operand;
  }
  static Operand of(const Value& value) {
    if (const auto* held = std::get_if<bool>(&value)) return of(*held);
    if (const auto* held = std::get_if<std::int64_t>(&value)) return of(*held);
    if (const auto* held = std::get_if<double>(&value)) return of(*held);
    return of(&std::get<std::string>(value));
  }

  bool active() const { return kind != Kind::inactive; }
  bool is_number() const { return kind == Kind::integer || kind == Kind::real; }
  /// The number; only where is_number().
  double number() const { return kind == Kind::integer ? static_cast<double>(integer) : real; }
  /// A copy that owns its text; only where active().
  Value value() const {
    switch (kind) {
      case Kind::flag:
        return flag;
      case Kind::integer:
        return integer;
      case Kind::real:
        return real;
      default:
        return *text;
    }
  }
};

/// Equal as value_same says.
inline bool same(const Operand& a, const Operand& b) {
  if (a.is_number() && b.is_number())
    return a.kind == b.kind && a.kind == Operand::Kind::integer ? a.integer == b.integer
                                                                : a.number() == b.number();
  if (a.kind != b.kind) return false;
  return a.kind == Operand::Kind::flag ? a.flag == b.flag : *a.text == *b.text;
}

/// Operands of a whole space, on the stack where they fit: drawing a config must not allocate.
class Cells {
 public:
  explicit Cells(std::size_t size) : size_(size) {
    if (size > kInline) heap_.resize(size);
  }
  Operand& operator[](std::size_t i) { return data()[i]; }
  const Operand& operator[](std::size_t i) const { return data()[i]; }
  Operand* data() { return size_ > kInline ? heap_.data() : inline_; }
  const Operand* data() const { return size_ > kInline ? heap_.data() : inline_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kInline = 32;
  std::size_t size_;
  Operand inline_[kInline];
  std::vector<Operand> heap_;
};

}  // namespace hone::space
