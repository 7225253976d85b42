// Attributes: values known when the program is compiled.
#include <charconv>

#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kDenseKept = 64;

/// Decimal or 0x..., whole or not; beyond what a number holds it saturates.
std::int64_t whole(std::string_view text) {
  const bool hex = text.starts_with("0x");
  std::uint64_t value = 0;
  const char* begin = text.data() + (hex ? 2 : 0);
  const auto result = std::from_chars(begin, text.data() + text.size(), value, hex ? 16 : 10);
  if (result.ec != std::errc() || (!hex && value > INT64_MAX)) return INT64_MAX;
  return static_cast<std::int64_t>(value);
}

double real(std::string_view text) {
  double value = 0.0;
  // Digits end with the token; `1.` is a number to MLIR.
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range)
    value = text.find("e-") == std::string_view::npos ? 1e308 : 0.0;
  return value;
}

}  // namespace

int Parser::add_attribute(Attribute attribute) {
  module_.attributes.push_back(std::move(attribute));
  return static_cast<int>(module_.attributes.size()) - 1;
}

std::int64_t Parser::integer() {
  const bool negative = take("-");
  if (token().kind != Kind::integer) throw unexpected("a whole number");
  const std::int64_t value = whole(text(token()));
  if (value == INT64_MAX) throw error(token(), "a number too large to be held");
  ++at_;
  return negative ? -value : value;
}

int Parser::attribute() {
  const Deeper deeper(*this);
  const Token& first = token();
  Attribute attribute;
  const int alias = attribute_value(attribute);
  if (alias >= 0) return alias;
  if (attribute.text.data() == nullptr) attribute.text = text_between(first.begin, end_of_previous());
  // `3 : i32`, `dense<0> : tensor<4xi32>`, `#x.y : i32`.
  const bool typed = attribute.kind != Attribute::Kind::array && attribute.kind != Attribute::Kind::type &&
                     attribute.kind != Attribute::Kind::map && attribute.kind != Attribute::Kind::set;
  if (typed && at(":") && begins_type(1)) {
    ++at_;
    attribute.type = type();
  }
  return add_attribute(std::move(attribute));
}

/// Reads into `attribute`; or returns the attribute that an alias stands for.
int Parser::attribute_value(Attribute& attribute) {
  const Token& first = token();
  switch (first.kind) {
    case Kind::text:
    case Kind::symbol: {
      attribute.kind = first.kind == Kind::text ? Attribute::Kind::text : Attribute::Kind::symbol;
      std::string_view inside = text(first).substr(1);
      if (first.kind == Kind::text) inside.remove_suffix(1);
      attribute.text = inside;
      ++at_;
      while (first.kind == Kind::symbol && at(":") && is(token(1), ":") && token(2).kind == Kind::symbol)
        at_ += 3;
      return -1;
    }
    case Kind::integer:
      attribute.kind = Attribute::Kind::integer;
      attribute.integer = whole(text(first));
      attribute.real = static_cast<double>(attribute.integer);
      ++at_;
      return -1;
    case Kind::real:
      attribute.kind = Attribute::Kind::real;
      attribute.real = real(text(first));
      ++at_;
      return -1;
    case Kind::hash: {
      ++at_;
      const auto alias = attribute_aliases_.find(text(first));
      if (at("<") && adjacent(token())) {
        if (token().partner == 0) throw error(token(), "this '<' is never closed");
        at_ = token().partner + 1;
      } else if (alias != attribute_aliases_.end()) {
        return alias->second;
      } else {
        check_alias(first);
      }
      attribute.kind = Attribute::Kind::other;
      return -1;
    }
    default:
      break;
  }
  if (take("-")) {
    if (token().kind != Kind::integer && token().kind != Kind::real) throw unexpected("a number");
    attribute_value(attribute);
    attribute.integer = -attribute.integer;
    attribute.real = -attribute.real;
    return -1;
  }
  if (take("[")) {
    attribute.kind = Attribute::Kind::array;
    while (!at("]")) {
      if (!attribute.items.empty()) need(",");
      attribute.items.push_back(this->attribute());
    }
    need("]");
    return -1;
  }
  if (at("{")) return dictionary();
  if (at("(") || begins_type() || at("none")) {
    attribute.kind = Attribute::Kind::type;
    attribute.type = type();
    return -1;
  }
  if (first.kind != Kind::word) throw unexpected("an attribute");
  const std::string_view word = text(first);
  ++at_;
  if (word == "true" || word == "false") {
    attribute.kind = Attribute::Kind::flag;
    attribute.integer = word == "true" ? 1 : 0;
    attribute.real = static_cast<double>(attribute.integer);
  } else if (word == "unit") {
    attribute.kind = Attribute::Kind::unit;
  } else if (word == "affine_map") {
    attribute.kind = Attribute::Kind::map;
    attribute.map = affine_map();
  } else if (word == "affine_set") {
    attribute.kind = Attribute::Kind::set;
    affine_set(attribute);
  } else if ((word == "dense" || word == "array") && at("<")) {
    attribute.kind = Attribute::Kind::dense;
    dense(attribute);
  } else {  // dense_resource<x>, strided<[1]>, distinct[0]<x>, loc(x), opaque<x>, a dialect's own word
    attribute.kind = Attribute::Kind::other;
    while ((at("<") || at("[") || at("(")) && adjacent(token())) {
      if (token().partner == 0) throw error(token(), "this '<' is never closed");
      at_ = token().partner + 1;
    }
  }
  return -1;
}

/// A bare `#name` or `!name` is an alias; attributes and types of dialects have a dot or brackets.
void Parser::check_alias(const Token& name) const {
  const auto& aliases = name.kind == Kind::hash ? attribute_aliases_ : type_aliases_;
  if (text(name).find('.') == std::string_view::npos && !aliases.contains(text(name)))
    throw error(name, fmt::format("nothing defines {}", text(name)));
}

/// The loops of linalg.generic are what its maps and iterator_types say, one map for each operand.
void Parser::check_maps(const Operation& operation, const Token& name) const {
  if (operation.name != "linalg.generic") return;
  const Attribute* maps = module_.attribute(operation, "indexing_maps");
  const Attribute* iterators = module_.attribute(operation, "iterator_types");
  if (maps == nullptr || iterators == nullptr)
    throw error(
        name, fmt::format("linalg.generic without {}", maps == nullptr ? "indexing_maps" : "iterator_types"));
  if (maps->items.size() != operation.operands.size())
    throw error(name, fmt::format("linalg.generic has {} operands, but {} indexing_maps",
                                  operation.operands.size(), maps->items.size()));
  for (std::size_t i = 0; i < maps->items.size(); ++i) {
    const int id = module_.attributes[static_cast<std::size_t>(maps->items[i])].map;
    if (id < 0) throw error(name, fmt::format("of linalg.generic indexing_maps[{}] is no affine map", i));
    const AffineMap& map = module_.maps[static_cast<std::size_t>(id)];
    if (static_cast<std::size_t>(map.dims) != iterators->items.size())
      throw error(name, fmt::format("of linalg.generic indexing_maps[{}] has {} dimensions, but there are {} "
                                    "iterator_types",
                                    i, map.dims, iterators->items.size()));
    const Type& type = module_.type_of(operation.operands[i]);
    if (type.shaped() && type.ranked && type.shape.size() != map.results.size())
      throw error(name, fmt::format("of linalg.generic indexing_maps[{}] has {} results, but the operand has "
                                    "{} dimensions",
                                    i, map.results.size(), type.shape.size()));
  }
}

int Parser::dictionary() {
  Attribute attribute;
  attribute.kind = Attribute::Kind::dictionary;
  const Token& first = token();
  need("{");
  while (!at("}")) {
    if (!attribute.names.empty()) need(",");
    if (token().kind != Kind::word && token().kind != Kind::text) throw unexpected("an attribute's name");
    std::string_view name = text(token());
    if (token().kind == Kind::text) name = name.substr(1, name.size() - 2);
    ++at_;
    attribute.names.push_back(name);
    attribute.items.push_back(take("=") ? this->attribute() : add_attribute({}));
  }
  need("}");
  attribute.text = text_between(first.begin, end_of_previous());
  return add_attribute(std::move(attribute));
}

void Parser::take_dictionary(Head& head) {
  const int id = dictionary();
  const Attribute& attribute = module_.attributes[static_cast<std::size_t>(id)];
  for (std::size_t i = 0; i < attribute.names.size(); ++i)
    head.operation.attributes.emplace_back(attribute.names[i], attribute.items[i]);
}

/// `<[[1, 2], [3, 4]]>`, `<0.0>`, `<"0x...">`, `<i64: 1, 2>`: the first numbers.
void Parser::dense(Attribute& attribute) {
  const std::uint32_t end = token().partner;
  if (end == 0) throw error(token(), "this '<' is never closed");
  bool negative = false;
  for (std::uint32_t i = at_ + 1; i < end && attribute.numbers.size() < kDenseKept; ++i) {
    const Token& item = tokens_[i];
    if (item.kind == Kind::integer) {
      const double number = static_cast<double>(whole(text(item)));
      attribute.numbers.push_back(negative ? -number : number);
    } else if (item.kind == Kind::real) {
      const double number = real(text(item));
      attribute.numbers.push_back(negative ? -number : number);
    } else if (item.kind == Kind::word && (is(item, "true") || is(item, "false"))) {
      attribute.numbers.push_back(is(item, "true") ? 1.0 : 0.0);
    }
    negative = is(item, "-");
  }
  at_ = end + 1;
}

}  // namespace hone::cost::mlir
