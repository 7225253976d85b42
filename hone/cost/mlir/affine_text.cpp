// Affine maps and expressions as text.
#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
namespace {

using Op = AffineNode::Op;

constexpr std::size_t kMaxNodes = 2000, kMaxDims = 256;

int node(AffineMap& map, Op op, std::int64_t value, int left = -1, int right = -1) {
  map.nodes.push_back({op, value, left, right});
  return static_cast<int>(map.nodes.size()) - 1;
}

}  // namespace

int Parser::add_map(AffineMap map) {
  if (static_cast<std::size_t>(map.dims + map.symbols) > kMaxDims || map.results.size() > kMaxDims)
    throw error(previous(), fmt::format("an affine map of more than {} dimensions or results", kMaxDims));
  module_.maps.push_back(std::move(map));
  return static_cast<int>(module_.maps.size()) - 1;
}

void Parser::map_names(AffineMap& map) {
  dims_.clear();
  symbols_.clear();
  const auto names = [&](std::vector<std::string_view>& list, std::string_view close) {
    while (!at(close)) {
      if (!list.empty()) need(",");
      if (token().kind != Kind::word) throw unexpected("a dimension's name");
      list.push_back(text(token()));
      ++at_;
    }
    need(close);
  };
  need("(");
  names(dims_, ")");
  if (take("[")) names(symbols_, "]");
  map.dims = static_cast<int>(dims_.size());
  map.symbols = static_cast<int>(symbols_.size());
}

int Parser::affine_map() {
  const Deeper deeper(*this);
  need("<");
  AffineMap map;
  map_names(map);
  need("->");
  need("(");
  while (!at(")")) {
    if (!map.results.empty()) need(",");
    map.results.push_back(affine_expression(map, nullptr));
  }
  need(")");
  need(">");
  return add_map(std::move(map));
}

/// Each constraint as a difference, which is not below 0, or is 0.
void Parser::affine_set(Attribute& attribute) {
  const Deeper deeper(*this);
  need("<");
  AffineMap map;
  map_names(map);
  need(":");
  need("(");
  while (!at(")")) {
    if (!map.results.empty()) need(",");
    int left = affine_expression(map, nullptr);
    const bool zero = at("="), turned = at("<");
    if (!take("=") && !take(">") && !take("<")) throw unexpected("'>=' or '=='");
    need("=");
    int right = affine_expression(map, nullptr);
    if (turned) std::swap(left, right);
    right = node(map, Op::mul, 0, right, node(map, Op::constant, -1));
    map.results.push_back(node(map, Op::add, 0, left, right));
    attribute.numbers.push_back(zero ? 1.0 : 0.0);
  }
  need(")");
  need(">");
  attribute.map = add_map(std::move(map));
}

int Parser::map_reference() {
  const Token& first = token();
  if (take("affine_map")) return affine_map();
  if (first.kind == Kind::hash) {
    const auto alias = attribute_aliases_.find(text(first));
    if (alias == attribute_aliases_.end()) throw error(first, fmt::format("nothing defines {}", text(first)));
    const Attribute& attribute = module_.attributes[static_cast<std::size_t>(alias->second)];
    if (attribute.kind != Attribute::Kind::map)
      throw error(first, fmt::format("{} is no affine map", text(first)));
    ++at_;
    return attribute.map;
  }
  throw unexpected("an affine map");
}

int Parser::value_map(std::string_view open, std::string_view close, Few<int>& operands) {
  AffineMap map;
  need(open);
  Few<int> values;
  while (!at(close)) {
    if (!map.results.empty()) need(",");
    map.results.push_back(affine_expression(map, &values));
  }
  need(close);
  map.dims = static_cast<int>(values.size());
  operands.insert(operands.end(), values.begin(), values.end());
  return add_map(std::move(map));
}

/// Sums bind weakest. Where `values` is given, operands are values, a dimension each; else the names of the
/// map being read.
int Parser::affine_expression(AffineMap& map, Few<int>* values) {
  const Deeper deeper(*this);
  int left = affine_term(map, values);
  for (;;) {
    const bool minus = at("-");
    if (!minus && !at("+")) return left;
    ++at_;
    int right = affine_term(map, values);
    if (minus) right = node(map, Op::mul, 0, right, node(map, Op::constant, -1));
    left = node(map, Op::add, 0, left, right);
  }
}

int Parser::affine_term(AffineMap& map, Few<int>* values) {
  int left = affine_factor(map, values);
  for (;;) {
    Op op = Op::mul;
    if (at("mod")) {
      op = Op::mod;
    } else if (at("floordiv")) {
      op = Op::floordiv;
    } else if (at("ceildiv")) {
      op = Op::ceildiv;
    } else if (!at("*")) {
      return left;
    }
    ++at_;
    const int right = affine_factor(map, values);
    left = node(map, op, 0, left, right);
    if (map.nodes.size() > kMaxNodes)
      throw error(token(), fmt::format("an affine expression of more than {} parts", kMaxNodes));
  }
}

int Parser::affine_factor(AffineMap& map, Few<int>* values) {
  const Deeper deeper(*this);
  const Token& first = token();
  if (map.nodes.size() > kMaxNodes)
    throw error(first, fmt::format("an affine expression of more than {} parts", kMaxNodes));
  if (first.kind == Kind::integer) return node(map, Op::constant, integer());
  if (take("-")) {
    const int inner = affine_factor(map, values);
    return node(map, Op::mul, 0, inner, node(map, Op::constant, -1));
  }
  if (take("(")) {
    const int inner = affine_expression(map, values);
    need(")");
    return inner;
  }
  if (values != nullptr) {
    const bool symbol = at("symbol") && is(token(1), "(");
    if (symbol) at_ += 2;
    const int value = need_value();
    if (symbol) need(")");
    const auto found = std::find(values->begin(), values->end(), value);
    const std::int64_t number = found - values->begin();
    if (found == values->end()) values->push_back(value);
    return node(map, Op::dim, number);
  }
  if (first.kind == Kind::word) {
    const std::string_view name = text(first);
    for (const auto* list : {&dims_, &symbols_})
      if (const auto found = std::find(list->begin(), list->end(), name); found != list->end()) {
        ++at_;
        return node(map, list == &dims_ ? Op::dim : Op::symbol, found - list->begin());
      }
  }
  throw unexpected("an affine expression");
}

}  // namespace hone::cost::mlir
